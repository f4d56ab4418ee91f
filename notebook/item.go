package notebook

import (
	"strings"
	"time"
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
	// ChangedSinceReview says that who may not decide on a review has changed the
	// content of what is public.
	ChangedSinceReview bool
	ReviewedBy         *string // who has approved it, nil if nobody knows
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

// CheckTexts writes the name of a new item as it is kept, and returns nil if the
// item may have the texts that it has.
func (i *Item) CheckTexts() error {
	i.Name = normalizeItemName(i.Name)
	switch {
	case i.Name == "" || i.Description == "":
		return ErrFieldsMissing.Of(i.Kind)
	case tooLong(i.Name, maxItemName) || !shownName(i.Name):
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

// DecidedBy returns nil if the user may decide whether others see the item:
// moderators and admins, but of what is their own somebody else decides. A super
// admin, above whom there is nobody, decides on everything.
func (i *Item) DecidedBy(u *User) error {
	switch {
	case !u.Role.Includes(RoleModerator):
		return ErrPublishByStaff.Of(i.Kind)
	case u.ID == i.UploaderID && u.Role != RoleSuperAdmin:
		return ErrOwnReview.Of(i.Kind)
	}
	return nil
}

// Apply changes the item if the user may change all that they want to. What is
// public stays so when its content changes, as front ends expect, and shows from
// then on that this is not what was approved, until somebody looks who may decide.
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
	decides := i.DecidedBy(by)
	if change.Public != nil && decides != nil {
		return decides
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
		if i.Public {
			same := i.Content != nil && *i.Content == *change.Content
			i.ChangedSinceReview = decides != nil && (i.ChangedSinceReview || !same)
		}
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
		i.ReviewedBy, i.ChangedSinceReview = &by.ID, false
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
	// Seen is when what was looked at was changed last. A verdict on an item that
	// was changed since is none. Nil where nobody knows.
	Seen *time.Time
}

// Rejection returns the verdict that leaves an item private for the reason.
func Rejection(reason string) (Verdict, error) {
	v := Verdict{Reason: strings.TrimSpace(reason)}
	switch {
	case v.Reason == "":
		return Verdict{}, ErrReasonMissing
	case tooLong(v.Reason, maxReason):
		return Verdict{}, ErrReasonLength
	case !IsText(v.Reason):
		return Verdict{}, ErrText
	}
	return v, nil
}

// ChangeNotice returns what whoever approved the item is told when it is not what
// they have approved any more.
func (i *Item) ChangeNotice() Notice {
	name := i.Kind.Noun().ZH + "《" + i.Name + "》"
	return Notice{name + "在审核后有改动", i.Author + " 修改了您审核通过的" + name + "的补充说明。请查看，如有问题可以修改或删除。"}
}

// Review applies a verdict of the user to an item that is in review, and returns
// the message that its uploader gets.
func (i *Item) Review(v Verdict, by *User, now time.Time) (title, content string, err error) {
	if err := i.DecidedBy(by); err != nil {
		return "", "", err
	}
	if !i.Pending {
		return "", "", ErrNotPending.Of(i.Kind)
	}
	if v.Seen != nil && i.UpdatedAt.After(*v.Seen) {
		return "", "", ErrChangedMeanwhile.Of(i.Kind)
	}
	i.Pending, i.Public, i.UpdatedAt = false, v.Approved, now
	i.ReviewedBy, i.ChangedSinceReview = &by.ID, false
	noun := i.Kind.Noun().ZH
	if v.Approved {
		i.RejectionReason = nil
		return noun + "审核通过", "您上传的" + noun + "《" + i.Name + "》已通过审核，现已公开。", nil
	}
	i.RejectionReason = &v.Reason
	return noun + "审核未通过", "您上传的" + noun + "《" + i.Name + "》未通过审核。\n\n拒绝原因：" + v.Reason, nil
}
