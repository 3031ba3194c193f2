package projects

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/asr-backend/asr-backend/labelstudio"
)

// keyLogin is the value of a project that holds the credentials of its media, as JSON; an
// empty one stands for none. Label Studio sends them with every request for predictions. They
// are kept here once: jobs only say that their recording needs them, so that they stand in no
// job record, and a password that was changed holds for jobs that wait.
const keyLogin = "media_login"

type login struct {
	Login    string `json:"login"`
	Password string `json:"password"`
}

// SetLogin keeps the credentials with which a request opens its project's media. It returns
// once they are stored; those of a request that names no project last as long as the process.
func (r *Registry) SetLogin(ctx context.Context, p *labelstudio.Project) error {
	text := ""
	if p.Login != "" {
		raw, err := json.Marshal(login{p.Login, p.Password.Reveal()})
		if err != nil {
			return fmt.Errorf("keep the media credentials of project %d: %w", p.ID, err)
		}
		text = string(raw)
	}
	old, _, err := r.Get(ctx, p.ID, keyLogin)
	if err != nil || old == text {
		return err
	}
	if err := r.Set(ctx, p.ID, keyLogin, text); err != nil || p.ID == 0 {
		return err
	}
	q, err := r.options.Queue.Get()
	if err != nil {
		return nil // Run stores them, before there can be a job that needs them
	}
	return q.Values(Name(p.ID)).Set(ctx, keyLogin, text)
}

// Login returns the credentials of a project's media; they are empty if it has none.
func (r *Registry) Login(ctx context.Context, project int64) (string, labelstudio.Secret, error) {
	text, _, err := r.Get(ctx, project, keyLogin)
	if err != nil || text == "" {
		return "", labelstudio.Secret{}, err
	}
	var l login
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		// The text is a secret, and errors of encoding/json quote it.
		return "", labelstudio.Secret{}, fmt.Errorf("the media credentials of project %d cannot be read", project)
	}
	return l.Login, labelstudio.NewSecret(l.Password), nil
}
