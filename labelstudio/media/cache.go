package media

import (
	"cmp"
	"container/list"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// cache keeps complete recordings in a folder of bounded size. A file's name gives its
// key's digest, its size and its own name:
//
//	3f2a...-1048576-9c01d2e4-call.wav
//
// The random part lets a newer copy come while an older one is still read. The size finds
// files that a crash of the machine left incomplete. Files on their way have the suffix
// ".part" and another pattern.
type cache struct {
	dir   string
	limit int64

	mu      sync.Mutex               // guards the fields below and those of entries
	entries map[string]*list.Element // by digest
	order   *list.List               // of *entry, the latest used in front
	bytes   int64                    // of all entries
}

type entry struct {
	path     string
	digest   string
	size     int64
	fetched  time.Time
	warnings []string
	users    int
	dropped  bool // no longer in the cache, to be deleted by its last user
}

var cached = regexp.MustCompile(`^([0-9a-f]{32})-([0-9]{1,18})-[0-9a-f]{8}-[^/]+$`)

const (
	partPrefix = "download-"
	// oldPart is when a file on its way is surely nobody's any more.
	oldPart = 48 * time.Hour
)

// openCache takes over what is in a folder. It deletes only files that it knows.
func openCache(dir string, limit int64) (*cache, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("media cache: %w", err)
	}
	names, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("media cache: %w", err)
	}
	c := &cache{dir: dir, limit: limit, entries: map[string]*list.Element{}, order: list.New()}
	var found []*entry
	for _, n := range names {
		info, err := n.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		path := filepath.Join(dir, n.Name())
		if strings.HasPrefix(n.Name(), partPrefix) && time.Since(info.ModTime()) > oldPart {
			os.Remove(path)
		}
		m := cached.FindStringSubmatch(n.Name())
		if m == nil {
			continue
		}
		if size, err := strconv.ParseInt(m[2], 10, 64); err != nil || size != info.Size() {
			os.Remove(path)
			continue
		}
		found = append(found, &entry{path: path, digest: m[1], size: info.Size(), fetched: info.ModTime()})
	}
	slices.SortFunc(found, func(a, b *entry) int { return cmp.Compare(a.fetched.UnixNano(), b.fetched.UnixNano()) })
	for _, e := range found {
		c.insert(e)
	}
	c.shrink()
	return c, nil
}

func digest(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:16])
}

// get returns the entry of a key for use, or nil. One older than maxAge is dropped; zero
// takes any.
func (c *cache) get(key string, maxAge time.Duration) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	el := c.entries[digest(key)]
	if el == nil {
		return nil
	}
	e := el.Value.(*entry)
	if _, err := os.Stat(e.path); err != nil || maxAge > 0 && time.Since(e.fetched) > maxAge {
		c.drop(el)
		return nil
	}
	c.order.MoveToFront(el)
	e.users++
	return e
}

// take adds a user to an entry that has one.
func (c *cache) take(e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.users++
}

// release gives up a use.
func (c *cache) release(e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.users--
	if e.dropped && e.users == 0 {
		os.Remove(e.path)
	}
	c.shrink()
}

// create returns a file for a download. The caller closes and removes it; both are
// harmless after put.
func (c *cache) create() (*os.File, error) {
	f, err := os.CreateTemp(c.dir, partPrefix+"*.part")
	if err != nil {
		return nil, fmt.Errorf("media cache: %w", err)
	}
	return f, nil
}

// put moves a complete download into place and returns its entry for use.
func (c *cache) put(key, name string, part *os.File, warnings []string) (*entry, error) {
	info, err := part.Stat()
	if err == nil {
		// Without this a crash of the machine can keep the name and lose the bytes.
		err = part.Sync()
	}
	if err != nil {
		return nil, fmt.Errorf("media cache: %w", err)
	}
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails
	e := &entry{digest: digest(key), size: info.Size(), fetched: time.Now(), warnings: warnings, users: 1}
	e.path = filepath.Join(c.dir, fmt.Sprintf("%s-%d-%x-%s", e.digest, e.size, random, fileName(name)))
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := os.Rename(part.Name(), e.path); err != nil {
		return nil, fmt.Errorf("media cache: %w", err)
	}
	c.insert(e)
	c.shrink()
	return e, nil
}

// insert adds an entry in front and drops an older one of its key.
func (c *cache) insert(e *entry) {
	if old := c.entries[e.digest]; old != nil {
		c.drop(old)
	}
	c.entries[e.digest] = c.order.PushFront(e)
	c.bytes += e.size
}

// drop takes an entry out, and deletes it unless it is in use.
func (c *cache) drop(el *list.Element) {
	e := c.order.Remove(el).(*entry)
	delete(c.entries, e.digest)
	c.bytes -= e.size
	e.dropped = true
	if e.users == 0 {
		if err := os.Remove(e.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			// It will be found again, and tried again, at the next start.
			return
		}
	}
}

// shrink drops what was not used for longest until the limit holds. What is in use stays.
func (c *cache) shrink() {
	for el := c.order.Back(); el != nil && c.bytes > c.limit; {
		before := el.Prev()
		if el.Value.(*entry).users == 0 {
			c.drop(el)
		}
		el = before
	}
}

// fileName makes a name safe for a file, and keeps its suffix: decoders look at it.
func fileName(name string) string {
	const most = 80
	name = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_':
			return r
		}
		return '-'
	}, name)
	if len(name) > most {
		name = name[len(name)-most:]
	}
	if name = strings.TrimLeft(name, "."); name == "" {
		return "recording"
	}
	return name
}
