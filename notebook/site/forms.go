package site

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/server"
	"github.com/unstale/unstale/notebook/service"
)

// loginPage is the form to log in with.
type loginPage struct {
	frame
	Username, Next, Notice, Failed string
}

func (s *site) loginForm(r *http.Request) (*view, error) {
	ctx, q := r.Context(), r.URL.Query()
	page := loginPage{frame: frame{Title: server.In(ctx, "登录", "Log in")}, Next: local(q.Get("next"))}
	if q.Has("registered") {
		page.Notice = server.In(ctx, "注册成功，请登录", "Registered; please log in")
	}
	return &view{name: "login", data: page}, nil
}

func (s *site) login(r *http.Request) (*view, error) {
	ctx, form := r.Context(), r.PostForm
	name := strings.TrimSpace(form.Get("username"))
	if err := s.AdmitLogin(r, name); err != nil {
		return nil, err
	}
	u, err := s.Accounts.Authenticate(ctx, name, form.Get("password"), s.ClientOf(r))
	if err != nil {
		message, status, err := s.failed(r, err)
		if err != nil {
			return nil, err
		}
		return &view{name: "login", status: status, data: loginPage{
			frame: frame{Title: server.In(ctx, "登录", "Log in")}, Username: form.Get("username"), Next: local(form.Get("next")), Failed: message,
		}}, nil
	}
	begun, err := s.Accounts.Begin(ctx, u, s.ClientOf(r))
	if err != nil {
		return nil, err
	}
	token, err := s.Accounts.Token(u, begun, service.SessionToken)
	if err != nil {
		return nil, err
	}
	return &view{next: local(form.Get("next")), cookie: s.Session(r, token)}, nil
}

func (s *site) logout(r *http.Request) (*view, error) {
	token, kind := s.Presented(r)
	return &view{next: "/", cookie: s.Session(r, "")}, s.Accounts.End(r.Context(), token, kind)
}

// registerPage is the form to register with.
type registerPage struct {
	frame
	Email, Username, Notice, Failed string
}

func (s *site) registerForm(r *http.Request) (*view, error) {
	return &view{name: "register", data: registerPage{frame: frame{Title: server.In(r.Context(), "注册", "Register")}}}, nil
}

// registering shows the form again, with what came of it.
func (s *site) registering(r *http.Request, notice string, problem error) (*view, error) {
	page := registerPage{
		frame: frame{Title: server.In(r.Context(), "注册", "Register")}, Email: r.PostForm.Get("email"), Username: r.PostForm.Get("username"), Notice: notice,
	}
	status := http.StatusOK
	if problem != nil {
		page.Notice = ""
		var err error
		if page.Failed, status, err = s.failed(r, problem); err != nil {
			return nil, err
		}
	}
	return &view{name: "register", data: page, status: status}, nil
}

func (s *site) registerCode(r *http.Request) (*view, error) {
	if err := s.Admit(s.Mailings, r); err != nil {
		return nil, err
	}
	err := s.Accounts.MailOn()
	if err == nil {
		var fields []string
		if fields, err = server.Fields(r.PostForm.Get, "email"); err == nil {
			err = s.Accounts.MailRegisterCode(r.Context(), fields[0], s.ClientOf(r), server.CallerIn(r.Context()).Lang)
		}
	}
	return s.registering(r, server.In(r.Context(), "验证码已发送", "The code is on its way"), err)
}

func (s *site) register(r *http.Request) (*view, error) {
	if err := s.Admit(s.Attempts, r); err != nil {
		return nil, err
	}
	f, err := server.Fields(r.PostForm.Get, "username", "password", "email", "verification_code")
	if err == nil {
		err = s.Accounts.Register(r.Context(), f[0], f[1], f[2], f[3], s.ClientOf(r))
	}
	if err != nil {
		return s.registering(r, "", err)
	}
	return &view{next: "/login?registered=1"}, nil
}

func (i items) upload(r *http.Request) (*view, error) {
	form := &service.Form{Request: r}
	made, err := i.Upload(r.Context(), server.User(r.Context()), form)
	if err != nil {
		message, status, err := i.site.failed(r, err)
		if err != nil {
			return nil, err
		}
		return i.uploadView(r.Context(), form.Fields, message, status), nil
	}
	return &view{next: "/" + string(i.Kind) + "/" + made.ID}, nil
}

// talkOf returns where the talk about the item of the request is.
func (i items) talkOf(r *http.Request) *view {
	return &view{next: "/" + string(i.Kind) + "/" + url.PathEscape(r.PathValue("id")) + "#talk"}
}

func (i items) star(r *http.Request) (*view, error) {
	_, err := i.ToggleStar(r.Context(), server.User(r.Context()), r.PathValue("id"))
	return i.talkOf(r), err
}

func (i items) comment(r *http.Request) (*view, error) {
	parent := r.PostForm.Get("parent_id")
	_, err := i.site.Comments.Add(r.Context(), server.User(r.Context()), i.Kind, r.PathValue("id"), &parent, r.PostForm.Get("content"))
	return i.talkOf(r), err
}

// backTo returns the view of the page that a form came from.
func backTo(r *http.Request) *view { return &view{next: local(r.PostForm.Get("next"))} }

func (s *site) react(r *http.Request) (*view, error) {
	reaction := notebook.Reaction(r.PostForm.Get("reaction"))
	if reaction != notebook.Like && reaction != notebook.Dislike {
		return nil, server.ErrBody
	}
	_, err := s.Comments.React(r.Context(), server.User(r.Context()), r.PathValue("id"), reaction)
	return backTo(r), err
}

func (s *site) read(r *http.Request) (*view, error) {
	return backTo(r), s.Messages.Read(r.Context(), server.User(r.Context()), r.PathValue("id"))
}

func (i items) approve(r *http.Request) (*view, error) {
	var seen *time.Time
	if text := r.PostForm.Get("seen"); text != "" {
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return nil, server.ErrBody
		}
		seen = &at
	}
	return i.queue(), i.Approve(r.Context(), server.User(r.Context()), r.PathValue("id"), seen)
}

func (i items) reject(r *http.Request) (*view, error) {
	return i.queue(), i.Reject(r.Context(), server.User(r.Context()), r.PathValue("id"), r.PostForm.Get("reason"))
}

// queue returns where the items in review are.
func (i items) queue() *view { return &view{next: "/review?tab=" + string(i.Kind)} }
