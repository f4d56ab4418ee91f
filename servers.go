package unstale

import (
	"net/http"
	"sync"
	"weak"
)

// servers numbers the servers that requests came by. A server that is gone leaves
// its number to nobody, as it might leave its address.
type servers struct {
	mu   sync.Mutex
	last uint64
	m    map[weak.Pointer[http.Server]]uint64
}

// maxServers is how many are known before those that are gone are forgotten.
const maxServers = 256

// number returns the number of what a context has under http.ServerContextKey,
// which is never 0: 0 is whatever is no server.
func (s *servers) number(v any) uint64 {
	server, ok := v.(*http.Server)
	if !ok || server == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := weak.Make(server)
	n, known := s.m[p]
	if known {
		return n
	}
	if s.m == nil {
		s.m = make(map[weak.Pointer[http.Server]]uint64)
	}
	if len(s.m) >= maxServers {
		for old := range s.m {
			if old.Value() == nil {
				delete(s.m, old)
			}
		}
	}
	s.last++
	s.m[p] = s.last
	return s.last
}
