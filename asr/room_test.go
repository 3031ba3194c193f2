package asr

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/asr-backend/asr-backend/priority"
)

// The most urgent recording has every run, although others have filled the room before.
func TestUrgentWindowsAreFirstInTheRoomToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		stopped := errors.New("stopped")
		room, q := newRoom(4), newQueue(false)
		produce := func(class priority.Class, name string) {
			owner := new(track)
			for i := 0; ; i++ {
				w := waiting(owner, class, fmt.Sprint(name, " "), 8)
				if err := room.enter(ctx, w, 8); err != nil {
					if !errors.Is(err, stopped) {
						t.Errorf("%s: %v", name, err)
					}
					return
				}
				q.put(w)
			}
		}
		go produce(priority.Batch, "batch")
		go produce(priority.Batch, "another")
		synctest.Wait()
		go produce(priority.Opened, "opened")
		synctest.Wait()
		opened := 0
		for i := range 100 {
			w := q.take([]int{1}, []int{1})[0]
			if w.err.Error() == "opened " {
				opened++
			} else if i > 4 {
				t.Errorf("run %d is for %q", i, w.err)
			}
			room.leave(w)
			synctest.Wait()
		}
		if opened < 95 {
			t.Errorf("%d of 100 runs were for the opened recording", opened)
		}
		cancel(stopped)
		synctest.Wait()
		for range 4 { // those that are in the queue give their places back, and no other has one
			room.leave(q.take([]int{1}, []int{1})[0])
		}
		if room.free != 4 {
			t.Errorf("%d of 4 places are free", room.free)
		}
	})
}
