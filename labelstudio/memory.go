package labelstudio

import (
	"context"
	"sync"
)

// Memory is a Store that lasts as long as the process.
type Memory struct {
	mu     sync.RWMutex // guards values
	values map[memoryKey]string
}

type memoryKey struct {
	project int64
	key     string
}

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{values: map[memoryKey]string{}} }

// Get implements Store.
func (m *Memory) Get(_ context.Context, project int64, key string) (string, bool, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	v, ok := m.values[memoryKey{project, key}]
	return v, ok, nil
}

// Set implements Store.
func (m *Memory) Set(_ context.Context, project int64, key, value string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values[memoryKey{project, key}] = value
	return nil
}
