package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/unstale/unstale/notebook/moderation"
)

// readInputs reads what the settings name besides the data directory, so that a
// start that lacks something leaves nothing behind.
func (s *settings) readInputs(moderationKey string) (err error) {
	if s.Dictionary != "" {
		// Asked for, it must be there at the start; later it may come and go.
		info, err := os.Stat(s.Dictionary)
		if err == nil && !info.Mode().IsRegular() {
			err = errors.New("it is no regular file")
		}
		if err != nil {
			return fmt.Errorf("cannot use --dictionary %s: %w", s.Dictionary, err)
		}
	}
	s.moderator, err = s.newModerator(moderationKey)
	return err
}

// dictionary returns the path of the file with the translations.
func (s *settings) dictionary(data *dataDir) string {
	if s.Dictionary != "" {
		return s.Dictionary
	}
	return data.file("dictionary.json")
}

func (s *settings) newModerator(key string) (moderation.Moderator, error) {
	switch {
	case (s.ModerationURL == "") != (s.ModerationModel == ""):
		return nil, usageError{errors.New("--moderation-url and --moderation-model go together")}
	case s.ModerationURL != "" && s.ModerationWords != "":
		return nil, usageError{errors.New("--moderation-url and --moderation-words exclude each other")}
	case s.ModerationURL != "":
		chat, err := moderation.NewChat(moderation.ChatOptions{URL: s.ModerationURL, Model: s.ModerationModel, Key: key})
		if err != nil {
			return nil, usageError{fmt.Errorf("--moderation-url will not do: %w", err)}
		}
		return chat, nil
	case s.ModerationWords != "":
		words, err := readWords(s.ModerationWords)
		if err != nil {
			return nil, fmt.Errorf("cannot use --moderation-words %s: %w", s.ModerationWords, err)
		}
		return words, nil
	}
	return moderation.DefaultWords(), nil
}

func readWords(path string) (*moderation.Words, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	list, err := io.ReadAll(io.LimitReader(f, moderation.MaxWordsSize+1))
	if err != nil {
		return nil, err
	}
	return moderation.ParseWords(list)
}
