package notebook

import "maps"

// Kind says what sort of failure an Error is; the HTTP status follows from it.
type Kind int

// The kinds of errors.
const (
	Invalid         Kind = iota + 1 // the input is at fault
	Unauthenticated                 // nobody known asks
	Forbidden                       // somebody known may not
	NotFound                        // there is no such thing, or nothing the asker may know of
	Conflict                        // the present state does not allow it
	RateLimited                     // too often; the detail RetryAfter says when again
	Unavailable                     // what this needs is not there at the moment
)

// RetryAfter names the detail that says after how many seconds to try again.
const RetryAfter = "retry_after"

// An Error is a failure that the user is told about. Every Error of this
// package is a value that is never changed; compare with errors.Is.
type Error struct {
	Kind    Kind
	Code    string // for programs; stable
	Text    Text   // for people
	Details map[string]any
	base    error // what With or Of was called on
}

// Error returns the code and the English sentence.
func (e *Error) Error() string { return e.Code + ": " + e.Text.EN }

// Is reports whether target is e or the error that e adds a detail to.
func (e *Error) Is(target error) bool {
	return target == error(e) || e.base != nil && target == e.base
}

// With returns a copy of e that carries one more detail.
func (e *Error) With(key string, value any) *Error {
	c := *e
	c.Details = maps.Clone(e.Details)
	if c.Details == nil {
		c.Details = map[string]any{}
	}
	c.Details[key] = value
	c.base = e
	if e.base != nil {
		c.base = e.base
	}
	return &c
}

func newError(k Kind, code, zh, en string) *Error {
	return &Error{Kind: k, Code: code, Text: Text{zh, en}}
}

// What can go wrong with whoever asks.
var (
	ErrLoginRequired = newError(Unauthenticated, "AUTHENTICATION_REQUIRED", "请先登录", "Please log in first")
	ErrInvalidToken  = newError(Unauthenticated, "TOKEN_INVALID", "登录凭证无效或已失效，请重新登录", "The token is invalid or no longer valid; please log in again")
	ErrWrongPassword = newError(Unauthenticated, "CREDENTIALS_INVALID", "用户名或密码错误", "Wrong username or password")
	ErrAccountLocked = newError(Unauthenticated, "ACCOUNT_LOCKED", "登录失败次数过多，账户已被锁定，请稍后再试", "Too many failed logins; the account is locked for a while")
	ErrAccountBanned = newError(Unauthenticated, "ACCOUNT_BANNED", "账户已被封禁", "The account is banned")
	ErrForbidden     = newError(Forbidden, "PERMISSION_DENIED", "没有权限执行此操作", "You may not do this")
	ErrAdminBySuper  = newError(Forbidden, "SUPER_ADMIN_REQUIRED", "只有超级管理员可以创建管理员账号", "Only a super admin may create an admin")
)

// ErrBusy is what somebody gets whose turn does not come in time.
var ErrBusy = newError(Unavailable, "BUSY", "服务器繁忙，请稍后再试", "Too many are doing this at the moment; please try again").With(RetryAfter, 5)

// What can go wrong with mailed codes.
var (
	ErrCodeInvalid     = newError(Invalid, "CODE_INVALID", "验证码错误或已过期", "The code is wrong or no longer good")
	ErrTooManyCodes    = newError(RateLimited, "CODE_TOO_OFTEN", "验证码发送过于频繁，请稍后再试", "Too many codes were sent to this address; please wait")
	ErrTooManyRequests = newError(RateLimited, "TOO_MANY_REQUESTS", "请求过于频繁，请稍后再试", "Too many requests; please wait")
	ErrMailOff         = newError(Unavailable, "MAIL_NOT_CONFIGURED", "本站未配置邮件服务，无法发送验证码", "This site sends no mail")
	ErrMailFailed      = newError(Unavailable, "MAIL_FAILED", "邮件发送失败，请稍后再试", "The mail could not be sent; please try again later")
)

// What can go wrong with users and their passwords.
var (
	ErrUserNotFound     = newError(NotFound, "USER_NOT_FOUND", "用户不存在", "There is no such user")
	ErrUsernameTaken    = newError(Conflict, "USERNAME_TAKEN", "用户名已存在，或与已有用户名过于相似", "The username is taken, or looks like one that is")
	ErrEmailTaken       = newError(Conflict, "EMAIL_TAKEN", "邮箱已存在", "The email address is taken")
	ErrUsernameInvalid  = newError(Invalid, "USERNAME_INVALID", "用户名须为 1 至 64 个字符，包含字母或数字，且不能包含不可见字符", "A username has 1 to 64 characters, a letter or digit among them and none that nobody sees")
	ErrEmailInvalid     = newError(Invalid, "EMAIL_INVALID", "邮箱格式无效", "The email address is invalid")
	ErrRoleInvalid      = newError(Invalid, "ROLE_INVALID", "角色必须是 user、moderator 或 admin", "The role must be user, moderator or admin")
	ErrPasswordWeak     = newError(Invalid, "PASSWORD_WEAK", "密码须为 8 至 72 字节，且必须包含字母和数字", "A password has 8 to 72 bytes, with letters and digits among them")
	ErrPasswordLength   = newError(Invalid, "PASSWORD_LENGTH", "密码长度须为 6 至 72 字节", "A password has 6 to 72 bytes")
	ErrPasswordMismatch = newError(Invalid, "PASSWORD_MISMATCH", "新密码与确认密码不匹配", "The new password and its confirmation differ")
	ErrPasswordSame     = newError(Invalid, "PASSWORD_UNCHANGED", "新密码不能与当前密码相同", "The new password is the current one")
	ErrCurrentPassword  = newError(Unauthenticated, "CURRENT_PASSWORD_WRONG", "当前密码错误", "The current password is wrong")
)

// What can go wrong beside items; see also ItemError.
var (
	ErrFileNotFound  = newError(NotFound, "FILE_NOT_FOUND", "文件不存在", "There is no such file")
	ErrNotStarred    = newError(NotFound, "STAR_NOT_FOUND", "未找到收藏记录", "You have not starred this")
	ErrNothingToDo   = newError(Invalid, "NOTHING_TO_UPDATE", "没有提供要更新的字段", "Nothing to update was given")
	ErrReasonMissing = newError(Invalid, "REASON_MISSING", "请填写拒绝原因", "A reason is needed")
)

// What can be wrong with an uploaded bot_config.toml.
var (
	ErrConfigSyntax    = newError(Invalid, "PERSONA_TOML_PARSE_ERROR", "TOML 语法错误，请检查 bot_config.toml 格式是否正确", "bot_config.toml is not valid TOML")
	ErrConfigKeys      = newError(Invalid, "PERSONA_TOML_TOO_COMPLEX", "bot_config.toml 的键过多或嵌套过深：最多 2000 个键，每个键最多 16 级", "bot_config.toml has more than 2000 keys, or one of more than 16 parts")
	ErrConfigVersion   = newError(Invalid, "PERSONA_TOML_VERSION_MISSING", "TOML 中未找到版本号字段，请在 bot_config.toml 中添加 version 字段", "bot_config.toml has no version")
	ErrUploadMalformed = newError(Invalid, "UPLOAD_MALFORMED", "上传表单格式错误", "The upload is not a valid multipart form")
)
