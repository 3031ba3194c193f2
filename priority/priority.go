// Package priority says whose work comes first. Jobs and the windows of recordings that a
// model runs over have the same classes in the same order.
package priority

import (
	"fmt"
	"slices"
)

// Class is the priority of a piece of work. Of two classes the greater goes first.
type Class uint8

// The classes, lowest first. The zero value is Background.
const (
	Background  Class  = iota // a new version of what is there already
	Batch                     // imported; nobody has opened the task yet
	Expedited                 // imported, and somebody asked that it go before the others
	Opened                    // somebody has opened the task
	Interactive               // somebody is waiting in front of the screen
	Classes     = iota        // how many there are
)

var names = [Classes]string{"background", "batch", "expedited", "opened", "interactive"}

// String returns the name of the class.
func (c Class) String() string {
	if c < Classes {
		return names[c]
	}
	return fmt.Sprintf("class %d", uint8(c))
}

// MarshalText writes the name of the class. Stored jobs have it, so that it must not change.
func (c Class) MarshalText() ([]byte, error) {
	if c >= Classes {
		return nil, fmt.Errorf("there is no %v", c)
	}
	return []byte(names[c]), nil
}

// UnmarshalText reads the name of a class.
func (c *Class) UnmarshalText(text []byte) error {
	i := slices.Index(names[:], string(text))
	if i < 0 {
		return fmt.Errorf("there is no class %q", text)
	}
	*c = Class(i)
	return nil
}
