package service

import "context"

// Kept returns the pair of an annotation, or nil.
func (s *Service) Kept(ctx context.Context, project, annotation int64) (*Pair, error) {
	return s.kept(ctx, project, annotation)
}
