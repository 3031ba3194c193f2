package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"
)

// lie is a way in which a Label Studio fails.
type lie struct {
	name   string
	answer func(w http.ResponseWriter, r *http.Request, next http.Handler, back <-chan struct{}) // nil: away
	long   bool                                                                                  // it lasts minutes at full size
}

var lies = []lie{
	{name: "stalls", answer: func(w http.ResponseWriter, r *http.Request, next http.Handler, back <-chan struct{}) {
		select {
		case <-back:
			next.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	}},
	{name: "answers 200 with a page", answer: page(http.StatusOK, "<html><body>Maintenance</body></html>")},
	{name: "answers 502 with a page", answer: page(http.StatusBadGateway, "<html><h1>502 Bad Gateway</h1></html>")},
	{name: "answers 401", answer: page(http.StatusUnauthorized, `{"detail":"Invalid token."}`)},
	{name: "answers 403", answer: page(http.StatusForbidden, `{"detail":"You do not have permission to perform this action."}`)},
	{name: "redirects to its login page", answer: func(w http.ResponseWriter, r *http.Request, _ http.Handler, _ <-chan struct{}) {
		if strings.HasPrefix(r.URL.Path, "/user/login") {
			page(http.StatusOK, "<html><body>Log in</body></html>")(w, r, nil, nil)
			return
		}
		http.Redirect(w, r, "/user/login/?next="+r.URL.Path, http.StatusFound)
	}},
	{name: "cuts connections", answer: func(http.ResponseWriter, *http.Request, http.Handler, <-chan struct{}) {
		panic(http.ErrAbortHandler)
	}},
	{name: "stores and cuts", answer: func(_ http.ResponseWriter, r *http.Request, next http.Handler, _ <-chan struct{}) {
		next.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	}},
	{name: "is away", long: true},
}

func page(status int, body string) func(http.ResponseWriter, *http.Request, http.Handler, <-chan struct{}) {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler, _ <-chan struct{}) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body)) // the client may be gone
	}
}

// recovery is how long after its return everything is to be out.
const recovery = 10 * time.Second

// faultyStudio imports tasks while Label Studio fails in one way after another, each with
// processes of its own.
func faultyStudio(r *run) error {
	var wg sync.WaitGroup
	errs := make([]error, len(lies))
	places := make(chan struct{}, 3)
	for i, l := range lies {
		places <- struct{}{}
		wg.Go(func() {
			errs[i] = r.lie(l)
			<-places
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *run) lie(l lie) error {
	tasks, lasts := r.size(r.tasks, 8, 40), time.Duration(r.size(0, 8, 20))*time.Second
	if l.long {
		lasts = time.Duration(r.size(0, 8, 180)) * time.Second
	}
	s, n, project, err := r.setup(nodeOptions{name: strings.ReplaceAll(l.name, " ", "-")})
	if err != nil {
		return err
	}
	// Some are being transcribed, some are announced only now.
	ids, err := s.bring(project, repeat(20, tasks/2)...)
	if err != nil {
		return err
	}
	back := make(chan struct{})
	if l.answer == nil {
		s.leave()
	} else {
		s.Intercept(func(w http.ResponseWriter, r *http.Request, next http.Handler) { l.answer(w, r, next, back) })
	}
	more, err := s.bring(project, repeat(3, tasks-tasks/2)...)
	if err != nil {
		return err
	}
	ids = append(ids, more...)
	if err := r.sleep(lasts); err != nil {
		return err
	}
	r.logf("%s: %s", l.name, n.describe(project))
	if l.answer == nil {
		err = s.comeBack()
	}
	s.Intercept(nil)
	close(back)
	if err != nil {
		return err
	}
	took, _ := r.until(2*time.Minute, func() bool { t, _ := s.verdict(nil, ids); return t.One == t.Tried })
	if took > recovery {
		r.fault("%s for %.0f s: it took %.1f s until everything was out", l.name, lasts.Seconds(), took.Seconds())
	}
	r.figure("%s for %.0f s: %.1f s", l.name, lasts.Seconds(), took.Seconds())
	s.settle(n, project, ids, time.Second)
	n.end()
	return nil
}
