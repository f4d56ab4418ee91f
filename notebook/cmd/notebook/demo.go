package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/files"
	"github.com/unstale/unstale/notebook/store"
)

const demoDay = 24 * time.Hour

// A demo is a notebook that is being filled so that it looks as if people had
// used it for two months. It is the same each time, but for ids and the date.
type demo struct {
	store *store.Store
	files *files.Store
	rng   *rand.Rand
	now   time.Time

	moderator *notebook.User
	users     []*notebook.User
	public    []*notebook.Item
}

// fillDemo fills a notebook in which there is nobody but the demo's super admin.
// passwordHash is that of everybody's password.
func fillDemo(ctx context.Context, s *store.Store, f *files.Store, passwordHash string) error {
	d := &demo{store: s, files: f, rng: rand.New(rand.NewPCG(1, 1)), now: time.Now().UTC().Truncate(time.Microsecond)}
	ctx = unstale.Outside(ctx)
	for _, step := range []func(context.Context) error{
		func(ctx context.Context) error { return d.people(ctx, passwordHash) },
		d.cards, d.bases, d.stars, d.downloads, d.comments, d.letters,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// ago returns a moment so long ago, give or take some hours.
func (d *demo) ago(days int) time.Time {
	return d.now.Add(-time.Duration(days)*demoDay - time.Duration(d.rng.Int64N(int64(20*time.Hour))))
}

// since returns a moment after t.
func (d *demo) since(t time.Time) time.Time {
	return t.Add(time.Duration(d.rng.Int64N(int64(d.now.Sub(t)) + 1)))
}

func pick[T any](d *demo, list []T) T { return list[d.rng.IntN(len(list))] }

func (d *demo) people(ctx context.Context, passwordHash string) error {
	add := func(name, email string, role notebook.Role, days int) error {
		u, err := d.store.CreateUser(ctx, notebook.NewUser{Username: name, Email: email, PasswordHash: passwordHash, Role: role}, d.ago(days))
		if err == nil {
			d.users = append(d.users, u)
		}
		return err
	}
	for i, p := range demoPeople() {
		if err := add(p.name, p.name+"@example.com", p.role, 60-i); err != nil {
			return err
		}
	}
	d.moderator, d.users = d.users[0], d.users[1:]
	for i, name := range demoOthers() {
		if err := add(name, fmt.Sprintf("reader%02d@example.com", i+1), notebook.RoleUser, 55-i); err != nil {
			return err
		}
	}
	return nil
}

// cards are each in two moods.
func (d *demo) cards(ctx context.Context) error {
	moods, cards := demoMoods(), demoCards()
	for n := range 2 * len(cards) {
		t := cards[n%len(cards)]
		if n >= len(cards) {
			t = joined(t, moods[n%len(moods)])
		}
		content := fmt.Sprintf("[inner]\nversion = \"1.%d.0\"\n\n[bot]\nnickname = %q\n\n[personality]\npersonality = %q\n", n%4, t.name, t.text)
		version, err := notebook.BotConfigVersion([]byte(content))
		if err != nil {
			return err
		}
		if err := d.item(ctx, n, notebook.TargetPersona, t, version, map[string]string{notebook.BotConfigName: content}); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) bases(ctx context.Context) error {
	for n, t := range demoBases() {
		for i, volume := range demoVolumes() {
			made := joined(t, volume)
			contents := map[string]string{made.name + ".txt": made.text + "\n"}
			if i == 0 {
				contents["目录.json"] = fmt.Sprintf("{\"title\": %q, \"tags\": %q}\n", made.name, made.tags)
			}
			if err := d.item(ctx, 2*n+i, notebook.TargetKnowledge, made, notebook.FirstVersion, contents); err != nil {
				return err
			}
		}
	}
	return nil
}

func joined(t, more demoText) demoText {
	return demoText{t.name + "·" + more.name, t.description + more.description, t.tags + "," + more.tags, t.text + "；" + more.text}
}

// item uploads an item. Of a dozen the last ones are private, in review and
// rejected, the others public.
func (d *demo) item(ctx context.Context, n int, kind notebook.ItemKind, t demoText, version string, contents map[string]string) error {
	owner := d.users[(n*7)%len(d.users)]
	i := &notebook.Item{
		Kind: kind, Name: t.name, Description: t.description, UploaderID: owner.ID, Author: owner.Username, CopyrightOwner: &owner.Username,
		Content: &t.text, Tags: &t.tags, BasePath: "files", Pending: n%12 != 9, Version: version, CreatedAt: d.ago(1 + n*3%30),
	}
	i.UpdatedAt = i.CreatedAt
	var rows []notebook.ItemFile
	for name, content := range contents {
		draft, err := d.files.Put([]byte(content))
		if err != nil {
			return err
		}
		defer func() { _ = draft.Release(ctx) }() // the row is there, or the start fails
		extension, err := kind.FileType(name)
		if err != nil {
			return err
		}
		rows = append(rows, notebook.ItemFile{
			FileName: name, OriginalName: name, Hash: draft.Hash, FileType: extension, FileSize: int64(len(content)), CreatedAt: i.CreatedAt, UpdatedAt: i.CreatedAt,
		})
	}
	if err := d.store.CreateItem(ctx, i, rows, notebook.Quota{}); err != nil {
		return err
	}
	verdict := notebook.Verdict{Approved: n%12 != 11, Reason: "描述过于简单，请补充背景和说话方式。"}
	if !i.Pending || n%12 == 10 {
		return nil
	}
	if verdict.Approved {
		d.public = append(d.public, i)
	}
	return d.store.ReviewItem(ctx, kind, i.ID, d.moderator, verdict, i.CreatedAt.Add(2*time.Hour))
}

// fewer returns how much the item of a rank gets: the first gets most, and most
// get little.
func fewer(most, rank int) int { return most * 3 / (3 + rank) }

// byRank shuffles the public items, so that those of both kinds are popular.
func (d *demo) byRank() []*notebook.Item {
	rng, items := rand.New(rand.NewPCG(2, 2)), slices.Clone(d.public)
	rng.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
	return items
}

func (d *demo) stars(ctx context.Context) error {
	for rank, i := range d.byRank() {
		for _, n := range d.rng.Perm(len(d.users))[:fewer(len(d.users), rank)] {
			_, err := d.store.ToggleStar(ctx, d.users[n].ID, i.Kind, i.ID, d.since(i.CreatedAt), func(*notebook.Item) error { return nil })
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *demo) downloads(ctx context.Context) error {
	for rank, i := range d.byRank() {
		for range fewer(30, rank) {
			if err := d.store.CountDownload(ctx, i.Kind, i.ID, "", d.since(i.CreatedAt)); err != nil {
				return err
			}
		}
	}
	return nil
}

// comments are answered, and liked.
func (d *demo) comments(ctx context.Context) error {
	anybody := func(*notebook.Target) error { return nil }
	for rank, i := range d.byRank() {
		for n := range fewer(6, rank) {
			said := &notebook.Comment{TargetKind: i.Kind, TargetID: i.ID, Content: pick(d, demoRemarks()), CreatedAt: d.since(i.CreatedAt)}
			if err := d.comment(ctx, said, pick(d, d.users)); err != nil {
				return err
			}
			if n%2 == 0 {
				answer := &notebook.Comment{TargetKind: i.Kind, TargetID: i.ID, ParentID: &said.ID, Content: pick(d, demoReplies()), CreatedAt: d.since(said.CreatedAt)}
				if err := d.comment(ctx, answer, pick(d, d.users)); err != nil {
					return err
				}
			}
			for _, n := range d.rng.Perm(len(d.users))[:d.rng.IntN(4)] {
				r := notebook.Like
				if d.rng.IntN(8) == 0 {
					r = notebook.Dislike
				}
				if _, err := d.store.React(ctx, d.users[n], said.ID, r, d.since(said.CreatedAt), anybody); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (d *demo) comment(ctx context.Context, c *notebook.Comment, by *notebook.User) error {
	c.UserID, c.Username, c.UpdatedAt = by.ID, by.Username, c.CreatedAt
	return d.store.CreateComment(ctx, c, func(*notebook.Target) error { return nil })
}

// letters are what people have written to each other, and an announcement to
// all.
func (d *demo) letters(ctx context.Context) error {
	for n, t := range demoLetters() {
		for _, to := range []*notebook.User{d.users[n%3], d.users[(n+5)%len(d.users)]} {
			m := notebook.NewMessage{SenderID: d.users[(n+8)%len(d.users)].ID, Type: notebook.MessageDirect, Title: t.name, Content: t.description, Recipients: []string{to.ID}}
			if _, err := d.store.SendMessage(ctx, m, d.ago(n)); err != nil {
				return err
			}
		}
	}
	_, err := d.store.SendMessage(ctx, notebook.NewMessage{
		SenderID: d.moderator.ID, Type: notebook.MessageAnnouncement, ToAll: true,
		Title: "欢迎来到麦麦笔记本", Content: "在这里分享你的人设卡和知识库。上传的内容会先经过审核，请写清楚描述。祝大家玩得开心！",
	}, d.now.Add(-time.Hour))
	return err
}
