package api_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	legacy   = labelstudiotest.DefaultToken
	personal = `{"token_type":"refresh","exp":8103130786,"jti":"x"}` // the claims of one
)

// newStudio returns a Label Studio below a path, whose backends take every setup.
func newStudio(t testing.TB, below string) *labelstudiotest.Server {
	t.Helper()
	return labelstudiotest.New(t, labelstudiotest.Options{Path: below, Backends: willing{}})
}

type willing struct{}

func (willing) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	labelstudiotest.Answer(200, `{"status":"UP","model_version":"v1"}`)(w, r)
	return w.Result(), nil
}

func client(t testing.TB, url, token string) *api.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c, err := api.New(api.Options{URL: url, Token: labelstudio.NewSecret(token), Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
