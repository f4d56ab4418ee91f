package notebook

import (
	"strings"
	"time"
	"unicode"
)

// An Item is what somebody shares: a persona card or a knowledge base. It is
// private, in review (Pending), public, or rejected (neither, with a reason).
type Item struct {
	Kind            ItemKind
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
	Version         string // of a card's bot_config.toml; FirstVersion of a base
	CreatedAt       time.Time
	UpdatedAt       time.Time
}

// An ItemFile is a file of an item.
type ItemFile struct {
	ID           string
	ItemID       string
	FileName     string // unique within the item
	OriginalName string
	Hash         string // of its content, under which package files keeps it
	FileType     string // extension with the dot, in lower case
	FileSize     int64  // bytes
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// ReadableBy returns nil if the user, who may be nil for nobody, may read the
// item. It need not be called for a public item.
func (i *Item) ReadableBy(u *User) error {
	if i.Public {
		return nil
	}
	return i.ManagedBy(u)
}

// ManagedBy returns nil if the user, who may be nil for nobody, may change the
// item: its uploader, moderators and admins.
func (i *Item) ManagedBy(u *User) error {
	switch {
	case u == nil:
		return ErrLoginRequired
	case u.ID == i.UploaderID || u.Role.Includes(RoleModerator):
		return nil
	}
	return ErrForbidden
}

// FilesChangeableBy returns nil if the user may add and remove files.
func (i *Item) FilesChangeableBy(u *User) error {
	if err := i.ManagedBy(u); err != nil {
		return err
	}
	if i.Public || i.Pending {
		return ErrFilesFixed.Of(i.Kind)
	}
	return nil
}

// CheckTexts returns nil if a new item may have the texts that it has.
func (i *Item) CheckTexts() error {
	switch {
	case i.Name == "" || i.Description == "":
		return ErrFieldsMissing.Of(i.Kind)
	case tooLong(i.Name, maxItemName) || strings.ContainsFunc(i.Name, unicode.IsControl):
		return ErrItemName.Of(i.Kind)
	}
	change := ItemChange{Description: &i.Description, Content: i.Content, Tags: i.Tags}
	if err := change.checkLengths(); err != nil {
		return err
	}
	return checkLength("copyright_owner", i.CopyrightOwner, maxCopyrightOwner)
}

// An ItemChange is what somebody wants to change of an item; nil leaves a field
// as it is. Name and copyright owner are accepted and kept as they were.
type ItemChange struct {
	Name, CopyrightOwner       *string
	Description, Content, Tags *string
	Public, Pending            *bool
}

// checkLengths returns nil if no text is too long that the change gives an item.
func (c *ItemChange) checkLengths() error {
	if err := checkLength("description", c.Description, maxDescription); err != nil {
		return err
	}
	if err := checkLength("content", c.Content, maxContent); err != nil {
		return err
	}
	return checkLength("tags", c.Tags, maxTags)
}

// Apply changes the item if the user may change all that he wants to.
func (i *Item) Apply(change ItemChange, by *User, now time.Time) error {
	if err := i.ManagedBy(by); err != nil {
		return err
	}
	if change == (ItemChange{}) {
		return ErrNothingToDo
	}
	beyond := change
	beyond.Content = nil
	if (i.Public || i.Pending) && beyond != (ItemChange{}) {
		return ErrContentOnly.Of(i.Kind)
	}
	if change.Public != nil && !by.Role.Includes(RoleModerator) {
		return ErrPublishByStaff.Of(i.Kind)
	}
	if err := change.checkLengths(); err != nil {
		return err
	}
	if change.Description != nil {
		if strings.TrimSpace(*change.Description) == "" {
			return ErrFieldsMissing.Of(i.Kind)
		}
		i.Description = *change.Description
	}
	if change.Content != nil {
		i.Content = change.Content
	}
	if change.Tags != nil {
		i.Tags = change.Tags
	}
	if change.Pending != nil {
		i.Pending = *change.Pending
	}
	if change.Public != nil {
		i.Public = *change.Public
	}
	if i.Public {
		i.Pending = false
	}
	if i.Public || i.Pending {
		i.RejectionReason = nil
	}
	i.UpdatedAt = now
	return nil
}

// A Verdict is the outcome of a review.
type Verdict struct {
	Approved bool
	Reason   string // of a rejection
}

// Rejection returns the verdict that leaves an item private for the reason.
func Rejection(reason string) (Verdict, error) {
	v := Verdict{Reason: strings.TrimSpace(reason)}
	switch {
	case v.Reason == "":
		return Verdict{}, ErrReasonMissing
	case tooLong(v.Reason, maxReason):
		return Verdict{}, ErrReasonLength
	}
	return v, nil
}

// Review applies a verdict to an item that is in review, and returns the message
// that its uploader gets.
func (i *Item) Review(v Verdict, now time.Time) (title, content string, err error) {
	if !i.Pending {
		return "", "", ErrNotPending.Of(i.Kind)
	}
	i.Pending, i.Public, i.UpdatedAt = false, v.Approved, now
	noun := i.Kind.Noun().ZH
	if v.Approved {
		i.RejectionReason = nil
		return noun + "审核通过", "您上传的" + noun + "《" + i.Name + "》已通过审核，现已公开。", nil
	}
	i.RejectionReason = &v.Reason
	return noun + "审核未通过", "您上传的" + noun + "《" + i.Name + "》未通过审核。\n\n拒绝原因：" + v.Reason, nil
}
