package graph

import "io"

// MoveWeights moves weights of some size into a file of their own, as exporters do with large models.
func (m *Model) MoveWeights(file io.Writer, name string) error {
	at := int64(0)
	for i, f := range m.fields {
		if f.number != graphInitializer {
			continue
		}
		t, err := parseTensor(f.body)
		if err != nil {
			return err
		}
		if t.size() < worthwhile {
			continue
		}
		if _, err := file.Write(t.data); err != nil {
			return err
		}
		t.beside = place{name, at, int64(len(t.data))}
		at += t.beside.length
		m.fields[i] = newField(graphInitializer, t.body())
	}
	return nil
}
