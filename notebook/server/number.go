package server

import "net/http"

// The numbers that the site's front ends show people beside a message, by which
// they ask for help, by the code of the failure.
var numbers = map[string]string{
	"BODY_INVALID":         "10001",
	"EMAIL_INVALID":        "10005",
	"FIELDS_MISSING":       "10006",
	"PASSWORD_LENGTH":      "10008",
	"CODE_INVALID":         "10009",
	"PASSWORD_MISMATCH":    "10010",
	"PASSWORD_UNCHANGED":   "10011",
	"CODE_TOO_OFTEN":       "10014",
	"MAIL_NOT_CONFIGURED":  "10015",
	"MAIL_FAILED":          "10025",
	"ROLE_INVALID":         "12000",
	"USERNAME_INVALID":     "12014",
	"SUPER_ADMIN_REQUIRED": "12017",
	"PASSWORD_WEAK":        "12018",

	"KNOWLEDGE_FIELDS_MISSING": "13001",
	"KNOWLEDGE_FILES_MISSING":  "13002",
	"KNOWLEDGE_NAME_TAKEN":     "13003",
	"NOTHING_TO_UPDATE":        "13004",
	"KNOWLEDGE_NOT_FOUND":      "13005",

	"PERSONA_FIELDS_MISSING":             "13001",
	"PERSONA_NOT_FOUND":                  "14001",
	"PERSONA_FILES_MISSING":              "14002",
	"PERSONA_FILE_COUNT_INVALID":         "14020",
	"PERSONA_FILE_NAME_INVALID":          "14021",
	"PERSONA_FILE_TYPE_INVALID":          "14022",
	"PERSONA_FILE_SIZE_EXCEEDED":         "14023",
	"PERSONA_FILE_CONTENT_SIZE_EXCEEDED": "14024",
	"PERSONA_TOML_VERSION_MISSING":       "14025",
	"PERSONA_TOML_PARSE_ERROR":           "14026",

	"MESSAGE_TITLE_INVALID":      "15001",
	"MESSAGE_CONTENT_INVALID":    "15002",
	"MESSAGE_SCOPE_INVALID":      "15003",
	"MESSAGE_RECIPIENTS_INVALID": "15004",
	"COMMENT_CONTENT_INVALID":    "16002",
}

// statusNumbers are those of failures that have none of their own.
var statusNumbers = map[int]string{
	http.StatusBadRequest: "40000", http.StatusUnauthorized: "40001", http.StatusForbidden: "40003", http.StatusNotFound: "40004",
	http.StatusConflict: "40009", http.StatusUnprocessableEntity: "40022", http.StatusTooManyRequests: "40029", http.StatusInternalServerError: "50000",
}

// Number returns the number of a failure with the status and the code.
func Number(status int, code string) string {
	if n, ok := numbers[code]; ok {
		return n
	}
	if n, ok := statusNumbers[status]; ok {
		return n
	}
	return "99999"
}
