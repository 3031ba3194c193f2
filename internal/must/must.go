// Package must does what cannot fail with the values that it is given.
package must

import (
	"encoding/json"
	"fmt"
)

// JSON returns v as JSON. It panics if the type of v cannot be written.
func JSON(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("marshal %T: %v", v, err))
	}
	return raw
}
