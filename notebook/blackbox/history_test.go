package blackbox_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"testing"
	"time"
)

func TestUploadHistory(t *testing.T) {
	const path = "/api/users/me/upload-history"
	type record struct {
		ID           string
		TargetID     string `json:"target_id"`
		Type         string
		Name         string
		Status       string
		TargetExists bool   `json:"target_exists"`
		HasFiles     bool   `json:"has_files"`
		FileName     string `json:"fileName"`
		FileType     string `json:"fileType"`
		FileSize     int64  `json:"fileSize"`
	}
	records := func(s *site, as, query string) (list []record, total int) {
		s.Helper()
		var got struct {
			Data       []record
			Pagination struct{ Total int }
		}
		if err := json.Unmarshal(s.as(as).get(path+query).want(http.StatusOK).body, &got); err != nil {
			s.Fatal(err)
		}
		return got.Data, got.Pagination.Total
	}
	behave(t, []behaviour{
		{"25 are 20 and 5, newest first", func(s *site) {
			for n := range 25 {
				s.kind = bothKinds[n%2]
				s.newCard("alice", strconv.Itoa(n))
			}
			s.newCard("bob", "bob's")
			next := 24
			for page, want := range map[int]int{1: 20, 2: 5, 3: 0} {
				list, total := records(s, "alice", "?page="+strconv.Itoa(page))
				s.equal("total", total, 25)
				s.equal("records on page "+strconv.Itoa(page), len(list), want)
			}
			for _, page := range []string{"1", "2"} {
				list, _ := records(s, "alice", "?page="+page)
				for _, r := range list {
					s.equal("name", r.Name, strconv.Itoa(next))
					s.equal("type", r.Type, bothKinds[next%2])
					next--
				}
			}
			_, total := records(s, "bob", "")
			s.equal("bob's", total, 1)
		}},
		{"status follows the review, and a record outlives what was uploaded", func(s *site) {
			for _, kind := range bothKinds {
				s.kind = kind
				c := s.newPending("alice", kind)
				state := func() record {
					list, _ := records(s, "alice", "")
					return list[0]
				}
				r := state()
				s.equal("status", r.Status, "processing")
				s.equal("target", r.TargetID, c.ID)
				s.equal("exists", r.TargetExists && r.HasFiles, true)
				s.equal("size", r.FileSize, int64(len(validTOML)))
				s.equal("the older names", r.FileName+r.FileType, kind+kind)
				s.as("moderator").post(s.review(c.ID+"/reject"), map[string]string{"reason": "r"}).want(http.StatusOK)
				s.equal("status", state().Status, "failed")
				s.as("alice").put(s.item(c.ID), map[string]any{"is_pending": true}).want(http.StatusOK)
				s.as("moderator").post(s.review(c.ID+"/approve"), nil).want(http.StatusOK)
				s.equal("status", state().Status, "success")
				s.as("alice").del(s.item(c.ID)).want(http.StatusOK)
				r = state()
				s.equal("exists", r.TargetExists || r.HasFiles, false)
				s.equal("status", r.Status, "success")
			}
		}},
		{"filters by status", func(s *site) {
			s.newPending("alice", "a")
			s.newPublic("alice", "b")
			s.newRejected("alice", "c")
			s.newPublic("alice", "d")
			for status, want := range map[string]int{"approved": 2, "pending": 1, "rejected": 1} {
				list, total := records(s, "alice", "?status="+status)
				s.equal(status, total, want)
				s.equal(status, len(list), want)
			}
		}},
		{"what is out of range is cut, an unknown status has nothing, nobody is 401", func(s *site) {
			s.newCard("alice", "1")
			s.newCard("alice", "2")
			for query, want := range map[string]int{"page=0": 2, "page=-1": 2, "page_size=0": 1, "page_size=101": 2, "status=lost": 0} {
				list, _ := records(s, "alice", "?"+query)
				s.equal("records with "+query, len(list), want)
			}
			s.as("alice").get(path + "?page=x").want(http.StatusUnprocessableEntity)
			s.nobody().get(path).want(http.StatusUnauthorized)
		}},
	})
}

func TestStatistics(t *testing.T) {
	const uploads, dashboard, trends = "/api/users/me/upload-stats", "/api/users/me/dashboard-stats", "/api/users/me/dashboard-trends"
	counts := func(s *site, as, path string) map[string]int {
		s.Helper()
		got := map[string]int{}
		s.as(as).get(path).want(http.StatusOK).data(&got)
		return got
	}
	type day struct {
		Date                                                               string
		KnowledgeDownloads, PersonaDownloads, KnowledgeStars, PersonaStars int
	}
	days := func(s *site, as, query string) []day {
		s.Helper()
		var got struct {
			Days  int
			Items []day
		}
		s.as(as).get(trends + query).want(http.StatusOK).data(&got)
		s.equal("days", got.Days, len(got.Items))
		return got.Items
	}
	behave(t, []behaviour{
		{"count what was uploaded, downloaded and starred", func(s *site) {
			for _, path := range []string{uploads, dashboard} {
				for name, n := range counts(s, "alice", path) {
					s.equal(name+" of nothing", n, 0)
				}
			}
			for n, kind := range bothKinds {
				s.kind = kind
				c := s.newPublic("alice", "public")
				s.newPending("alice", "pending")
				s.newRejected("alice", "rejected")
				s.as("bob").post(s.item(c.ID)+"/star", nil).want(http.StatusOK)
				for range n + 1 {
					s.nobody().once(s.item(c.ID) + "/download").want(http.StatusOK)
				}
				s.nobody().once(s.item(s.newPublic("bob", "other").ID) + "/download").want(http.StatusOK)
			}
			for name, want := range map[string]int{"total": 6, "success": 2, "pending": 2, "failed": 2, "knowledge": 3, "persona": 3} {
				s.equal(name, counts(s, "alice", uploads)[name], want)
			}
			for name, want := range map[string]int{
				"totalUploads": 6, "knowledgeUploads": 3, "personaUploads": 3, "totalDownloads": 3, "knowledgeDownloads": 2, "personaDownloads": 1,
				"totalStars": 2, "knowledgeStars": 1, "personaStars": 1,
			} {
				s.equal(name, counts(s, "alice", dashboard)[name], want)
			}
			list := days(s, "alice", "?days=7")
			s.equal("days", len(list), 7)
			var sum day
			for _, d := range list { // midnight may have passed meanwhile
				sum.KnowledgeDownloads += d.KnowledgeDownloads
				sum.PersonaDownloads += d.PersonaDownloads
				sum.KnowledgeStars += d.KnowledgeStars
				sum.PersonaStars += d.PersonaStars
			}
			s.equal("sum", sum, day{"", 2, 1, 1, 1})
		}},
		{"a day is a day in UTC, the last is today", func(s *site) {
			before := time.Now().UTC().Format(time.DateOnly)
			list := days(s, "alice", "")
			s.equal("days", len(list), 30)
			last := list[29].Date
			if after := time.Now().UTC().Format(time.DateOnly); last != before && last != after {
				s.Errorf("today is %s, between %s and %s", last, before, after)
			}
			for _, n := range []int{1, 90} {
				s.equal("days", len(days(s, "alice", "?days="+strconv.Itoa(n))), n)
			}
		}},
		{"out of range is 422, nobody is 401", func(s *site) {
			for _, q := range []string{"0", "91", "-1", "x"} {
				s.as("alice").get(trends + "?days=" + q).want(http.StatusUnprocessableEntity)
			}
			for _, path := range []string{uploads, dashboard, trends} {
				s.nobody().get(path).want(http.StatusUnauthorized)
			}
		}},
	})
}

func TestStarsOfBothKinds(t *testing.T) {
	behave(t, []behaviour{{"are one list", func(s *site) {
		for _, name := range []string{"p1", "k1", "p2", "k2"} {
			s.kind = map[byte]string{'p': "persona", 'k': "knowledge"}[name[0]]
			c := s.newPublic("alice", name)
			s.as("bob").post(s.item(c.ID)+"/star", nil).want(http.StatusOK)
			if name == "k1" {
				s.as("alice").post(s.item(c.ID)+"/star", nil).want(http.StatusOK)
			}
		}
		list := func(query ...string) string { return s.list(s.as("bob"), "/api/users/stars", query...).names() }
		s.equal("newest first", list(), "k2 p2 k1 p1")
		s.equal("oldest first", list("sort_order", "asc"), "p1 k1 p2 k2")
		s.equal("second page", list("sort_order", "asc", "page", "2", "page_size", "3"), "k2")
		s.equal("most stars first", list("sort_by", "star_count", "page_size", "1"), "k1")
		s.equal("knowledge", list("star_type", "knowledge"), "k2 k1")
		s.equal("persona", list("star_type", "persona"), "p2 p1")
		details := s.list(s.as("bob"), "/api/users/stars", "include_details", "true", "sort_by", "star_count", "page_size", "1").Data[0]
		s.equal("author", details.Author, "alice")
		s.equal("version", details.Version, "1.0")
		s.equal("type", details.Type, "knowledge")
		s.equal("total", s.list(s.as("bob"), "/api/users/stars").Pagination.Total, 4)
	}}})
}
