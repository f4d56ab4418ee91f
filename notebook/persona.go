package notebook

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Targets of stars, uploads and downloads.
const (
	TargetPersona   = "persona"
	TargetKnowledge = "knowledge"
)

// A PersonaCard is a bot's character as somebody shares it. It is private,
// in review (Pending), public, or rejected (neither, with a reason).
type PersonaCard struct {
	ID              string
	Name            string
	Description     string
	UploaderID      string
	Author          string // the uploader's username
	CopyrightOwner  *string
	Content         *string
	Tags            *string // separated by commas
	StarCount       int
	Downloads       int
	BasePath        string
	Public          bool
	Pending         bool
	RejectionReason *string
	Version         string // of its bot_config.toml
	CreatedAt       time.Time
	UpdatedAt       time.Time
}

// A PersonaFile is a file of a card.
type PersonaFile struct {
	ID           string
	CardID       string
	FileName     string
	OriginalName string
	Hash         string // of its content, under which package files keeps it
	FileType     string // extension with the dot
	FileSize     int64  // bytes
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// ReadableBy returns nil if the user, who may be nil for nobody, may read the
// card. It need not be called for a public card.
func (c *PersonaCard) ReadableBy(u *User) error {
	if c.Public {
		return nil
	}
	return c.ManagedBy(u)
}

// ManagedBy returns nil if the user, who may be nil for nobody, may change the
// card: its uploader, moderators and admins.
func (c *PersonaCard) ManagedBy(u *User) error {
	switch {
	case u == nil:
		return ErrLoginRequired
	case u.ID == c.UploaderID || u.Role.Includes(RoleModerator):
		return nil
	}
	return ErrForbidden
}

// FilesChangeableBy returns nil if the user may add and remove files.
func (c *PersonaCard) FilesChangeableBy(u *User) error {
	if err := c.ManagedBy(u); err != nil {
		return err
	}
	if c.Public || c.Pending {
		return ErrFilesFixed
	}
	return nil
}

// maxCardName is the length of a name in characters; it is also the name of the
// archive that people download.
const maxCardName = 200

// CheckCardText returns nil if a card may have this name and description.
func CheckCardText(name, description string) error {
	switch {
	case name == "" || description == "":
		return ErrFieldsMissing
	case utf8.RuneCountInString(name) > maxCardName || strings.ContainsFunc(name, unicode.IsControl):
		return ErrCardName
	}
	return nil
}

// A CardChange is what somebody wants to change of a card; nil leaves a field
// as it is. Name and copyright owner are accepted and kept as they were.
type CardChange struct {
	Name, CopyrightOwner       *string
	Description, Content, Tags *string
	Public, Pending            *bool
}

// Apply changes the card if the user may change all that he wants to.
func (c *PersonaCard) Apply(change CardChange, by *User, now time.Time) error {
	if err := c.ManagedBy(by); err != nil {
		return err
	}
	if change == (CardChange{}) {
		return ErrNothingToDo
	}
	beyond := change
	beyond.Content = nil
	if (c.Public || c.Pending) && beyond != (CardChange{}) {
		return ErrContentOnly
	}
	if change.Public != nil && !by.Role.Includes(RoleModerator) {
		return ErrPublishByStaff
	}
	if change.Description != nil {
		if strings.TrimSpace(*change.Description) == "" {
			return ErrFieldsMissing
		}
		c.Description = *change.Description
	}
	if change.Content != nil {
		c.Content = change.Content
	}
	if change.Tags != nil {
		c.Tags = change.Tags
	}
	if change.Pending != nil {
		c.Pending = *change.Pending
	}
	if change.Public != nil {
		c.Public = *change.Public
	}
	if c.Public {
		c.Pending = false
	}
	if c.Public || c.Pending {
		c.RejectionReason = nil
	}
	c.UpdatedAt = now
	return nil
}

// A Verdict is the outcome of a review.
type Verdict struct {
	Approved bool
	Reason   string // of a rejection
}

// Review applies a verdict to a card that is in review, and returns the message
// that its uploader gets.
func (c *PersonaCard) Review(v Verdict, now time.Time) (title, content string, err error) {
	if !c.Pending {
		return "", "", ErrNotPending
	}
	c.Pending, c.Public, c.UpdatedAt = false, v.Approved, now
	if v.Approved {
		c.RejectionReason = nil
		return "人设卡审核通过", "您上传的人设卡《" + c.Name + "》已通过审核，现已公开。", nil
	}
	c.RejectionReason = &v.Reason
	return "人设卡审核未通过", "您上传的人设卡《" + c.Name + "》未通过审核。\n\n拒绝原因：" + v.Reason, nil
}
