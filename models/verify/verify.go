// Package verify examines a model: whether its files are those that were published,
// whether this program can use it, and what it is.
//
// Each check is a function from a Subject to findings, in the list that Checks returns;
// another check is another function there. Checks run in order and share what earlier
// ones have opened. One that needs something that an earlier one could not give finds
// nothing, since the reason has been said.
package verify

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/finding"
	"github.com/asr-backend/asr-backend/models"
)

// Subject is the model that is examined.
type Subject struct {
	// Name is what it was asked for by: a name or a path.
	Name    string
	Store   *models.Store
	Runtime *ort.Runtime
	// Bundle is set by the check "model", Recognizer (on the CPU) by the check "contract".
	Bundle     *asr.Bundle
	Recognizer *asr.Recognizer
}

// Check looks at one side of a model. An error means that it could not look, such as
// when ctx has ended; what is wrong with the model is a finding.
type Check func(ctx context.Context, s *Subject) ([]finding.Finding, error)

// Checks returns all checks in their order.
func Checks() []Check { return []Check{open, files, licence, contract, sample} }

// FileChecks returns those that run no model, and need no Runtime.
func FileChecks() []Check { return []Check{open, files, licence} }

// Model runs checks on a model and frees what they have opened.
func Model(ctx context.Context, s *Subject, checks []Check) (findings []finding.Finding, err error) {
	defer func() {
		if s.Recognizer != nil {
			err = errors.Join(err, s.Recognizer.Close())
			s.Recognizer = nil
		}
	}()
	for _, check := range checks {
		found, err := check(ctx, s)
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		if err != nil {
			return nil, err
		}
		findings = append(findings, found...)
	}
	return findings, nil
}

// folder returns where the model's files are, or an empty string for the embedded one.
func (s *Subject) folder() string { return s.Bundle.Dir }

// inStore reports whether the model is one that was pulled.
func (s *Subject) inStore() bool { return s.folder() != "" && filepath.Dir(s.folder()) == s.Store.Dir }
