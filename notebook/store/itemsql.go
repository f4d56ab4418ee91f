package store

import (
	"strings"

	"github.com/unstale/unstale/notebook"
)

// itemSQL is the statements about items of one kind. They are texts that never
// change, whatever anybody sends.
type itemSQL struct {
	get, list, count, insert, save, remove  string
	nameTaken, record, saveRecord           string
	files, file, fileExists                 string
	insertFile, replaceFile, removeFile     string
	countFiles, hashes, download, downloads string
	star, unstar, stars, countStars         string
	totals, downloadsByDay, starsByDay      string
}

// statements returns the statements about items of the kind.
func statements(k notebook.ItemKind) *itemSQL {
	if k == notebook.TargetKnowledge {
		return &knowledgeSQL
	}
	return &personaSQL
}

var (
	personaSQL   = newItemSQL(notebook.TargetPersona, "persona_cards", "persona_card_files", "persona_card_id")
	knowledgeSQL = newItemSQL(notebook.TargetKnowledge, "knowledge_bases", "knowledge_base_files", "knowledge_base_id")
)

const itemColumns = `p.id, p.name, p.description, p.uploader_id, (SELECT username FROM users WHERE id = p.uploader_id) AS author, p.copyright_owner, p.content, p.tags,
	p.star_count, p.downloads, p.base_path, p.is_public, p.is_pending, p.rejection_reason, p.version, p.created_at, p.updated_at,
	p.changed_since_review, p.reviewed_by`

const fileColumns = `id, {item_id}, file_name, original_name, file_path, file_type, file_size, created_at, updated_at`

// newItemSQL writes the names of the kind and of its tables into the texts that
// all kinds share.
func newItemSQL(kind notebook.ItemKind, items, files, itemID string) itemSQL {
	names := strings.NewReplacer("{kind}", "'"+string(kind)+"'", "{items}", items, "{files}", files, "{item_id}", itemID)
	text := names.Replace
	return itemSQL{
		get:    text(`SELECT ` + itemColumns + ` FROM {items} p WHERE p.id = $1`),
		list:   text(`SELECT ` + itemColumns + ` FROM {items} p`),
		count:  text(`SELECT count(*) FROM {items} p`),
		remove: text(`DELETE FROM {items} WHERE id = $1`),
		insert: text(`INSERT INTO {items} (id, name, description, uploader_id, copyright_owner, content, tags, base_path,
			is_public, is_pending, version, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`),
		save: text(`UPDATE {items} SET description = $1, content = $2, tags = $3, is_public = $4, is_pending = $5,
			rejection_reason = $6, version = $7, updated_at = $8, changed_since_review = $9, reviewed_by = $10 WHERE id = $11`),

		nameTaken: text(`SELECT EXISTS (SELECT 1 FROM {items} WHERE uploader_id = $1 AND name = $2)`),
		record: text(`INSERT INTO upload_records (id, uploader_id, target_id, target_type, name, description, status, created_at, updated_at)
			VALUES ($1, $2, $3, {kind}, $4, $5, $6, $7, $8)`),
		saveRecord: text(`UPDATE upload_records SET status = $1, updated_at = $2 WHERE target_type = {kind} AND target_id = $3 AND status <> $1`),

		files:       text(`SELECT ` + fileColumns + ` FROM {files} WHERE {item_id} = $1 ORDER BY file_name, id`),
		file:        text(`SELECT ` + fileColumns + ` FROM {files} WHERE id = $1`),
		fileExists:  text(`SELECT EXISTS (SELECT 1 FROM {files} WHERE {item_id} = $1 AND file_name = $2)`),
		insertFile:  text(`INSERT INTO {files} (` + fileColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`),
		replaceFile: text(`DELETE FROM {files} WHERE {item_id} = $1 AND file_name = $2 RETURNING file_path`),
		removeFile:  text(`DELETE FROM {files} WHERE id = $1`),
		countFiles:  text(`SELECT count(*) FROM {files} WHERE {item_id} = $1`),
		hashes:      text(`SELECT file_path FROM {files} WHERE {item_id} = $1 ORDER BY id`),

		download: text(`INSERT INTO download_records (id, target_id, target_type, client, created_at) VALUES ($1, $2, {kind}, NULLIF($3, ''), $4)
			ON CONFLICT (client) DO NOTHING`),
		downloads: text(`UPDATE {items} SET downloads = downloads + 1 WHERE id = $1`),

		star:   text(`INSERT INTO star_records (id, user_id, target_id, target_type, created_at) VALUES ($1, $2, $3, {kind}, $4)`),
		unstar: text(`DELETE FROM star_records WHERE user_id = $1 AND target_type = {kind} AND target_id = $2`),
		stars: text(`SELECT s.id AS star_id, s.target_type, s.created_at AS starred_at, ` + itemColumns + ` FROM star_records s JOIN {items} p ON p.id = s.target_id
			WHERE s.user_id = $1 AND s.target_type = {kind} AND p.is_public = TRUE`),
		countStars: text(`SELECT count(*) FROM star_records s JOIN {items} p ON p.id = s.target_id
			WHERE s.user_id = $1 AND s.target_type = {kind} AND p.is_public = TRUE`),

		totals: text(`SELECT coalesce(sum(downloads), 0), coalesce(sum(star_count), 0) FROM {items} WHERE uploader_id = $1`),
		downloadsByDay: text(`SELECT d.created_at / 86400000000 AS day, count(*) FROM download_records d JOIN {items} p ON p.id = d.target_id
			WHERE d.target_type = {kind} AND p.uploader_id = $1 AND d.created_at >= $2 GROUP BY day ORDER BY day`),
		starsByDay: text(`SELECT s.created_at / 86400000000 AS day, count(*) FROM star_records s JOIN {items} p ON p.id = s.target_id
			WHERE s.target_type = {kind} AND p.uploader_id = $1 AND s.created_at >= $2 GROUP BY day ORDER BY day`),
	}
}
