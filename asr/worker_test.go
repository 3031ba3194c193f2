package asr

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

func TestABatchIsGivenUpOnlyWhenNobodyWantsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		errFirst, errSecond := errors.New("first gone"), errors.New("second gone")
		one, cancelOne := context.WithCancelCause(t.Context())
		two, cancelTwo := context.WithCancelCause(t.Context())
		ctx, stop := allDone([]*window{{ctx: one}, {ctx: two}, {ctx: one}})
		defer stop()
		cancelOne(errFirst)
		synctest.Wait()
		if err := ctx.Err(); err != nil {
			t.Fatalf("given up (%v) while a recording still wants it", err)
		}
		cancelTwo(errSecond)
		<-ctx.Done()
		if got := context.Cause(ctx); !errors.Is(got, errSecond) {
			t.Errorf("got cause %v, want %v", got, errSecond)
		}
	})
}
