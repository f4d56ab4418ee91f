package api

import (
	"context"
	"net/http"
	"net/url"

	"github.com/unstale/unstale/notebook"
)

// loginPage is the form to log in with.
type loginPage struct {
	frame
	Username, Next, Notice, Failed string
}

func (f *front) loginForm(r *http.Request) (*view, error) {
	ctx, q := r.Context(), r.URL.Query()
	page := loginPage{frame: frame{Title: in(ctx, "登录", "Log in")}, Next: local(q.Get("next"))}
	if q.Has("registered") {
		page.Notice = in(ctx, "注册成功，请登录", "Registered; please log in")
	}
	return &view{name: "login", data: page}, nil
}

func (f *front) login(r *http.Request) (*view, error) {
	if err := f.admit(f.attempts, r); err != nil {
		return nil, err
	}
	ctx, form := r.Context(), r.PostForm
	u, err := f.authenticate(ctx, form.Get("username"), form.Get("password"))
	if err != nil {
		message, status, err := f.failed(r, err)
		if err != nil {
			return nil, err
		}
		return &view{name: "login", status: status, data: loginPage{
			frame: frame{Title: in(ctx, "登录", "Log in")}, Username: form.Get("username"), Next: local(form.Get("next")), Failed: message,
		}}, nil
	}
	session, err := f.newSession(r, u)
	if err != nil {
		return nil, err
	}
	return &view{next: local(form.Get("next")), cookie: session}, nil
}

func (f *front) logout(r *http.Request) (*view, error) {
	gone := cookie(r, "", 0)
	gone.MaxAge = -1
	return &view{next: "/", cookie: gone}, nil
}

// registerPage is the form to register with.
type registerPage struct {
	frame
	Email, Username, Notice, Failed string
}

func (f *front) registerForm(r *http.Request) (*view, error) {
	return &view{name: "register", data: registerPage{frame: frame{Title: in(r.Context(), "注册", "Register")}}}, nil
}

// registering shows the form again, with what came of it.
func (f *front) registering(r *http.Request, notice string, problem error) (*view, error) {
	page := registerPage{
		frame: frame{Title: in(r.Context(), "注册", "Register")}, Email: r.PostForm.Get("email"), Username: r.PostForm.Get("username"), Notice: notice,
	}
	status := http.StatusOK
	if problem != nil {
		var err error
		if page.Failed, status, err = f.failed(r, problem); err != nil {
			return nil, err
		}
	}
	return &view{name: "register", data: page, status: status}, nil
}

// formOf returns the form as the API's operations read it.
func formOf(form url.Values) *credentials {
	return &credentials{ContentType: formType, RawBody: []byte(form.Encode())}
}

func (f *front) registerCode(r *http.Request) (*view, error) {
	if err := f.admit(f.mailings, r); err != nil {
		return nil, err
	}
	sent, err := f.sendRegisterCode(r.Context(), formOf(r.PostForm))
	if err != nil {
		return f.registering(r, "", err)
	}
	return f.registering(r, sent.Body.Message, nil)
}

func (f *front) register(r *http.Request) (*view, error) {
	if err := f.admit(f.attempts, r); err != nil {
		return nil, err
	}
	if _, err := f.server.register(r.Context(), formOf(r.PostForm)); err != nil {
		return f.registering(r, "", err)
	}
	return &view{next: "/login?registered=1"}, nil
}

func (f *front) upload(i items) func(*http.Request) (*view, error) {
	return func(r *http.Request) (*view, error) {
		form := &upload{request: r}
		made, err := i.upload(r.Context(), form)
		if err != nil {
			message, status, err := f.failed(r, err)
			if err != nil {
				return nil, err
			}
			return f.uploadView(r.Context(), i, form.fields, message, status), nil
		}
		return &view{next: "/" + string(i.kind) + "/" + made.Body.Data.ID}, nil
	}
}

// talkOf returns where the talk about the item is.
func (i items) talkOf(id string) string {
	return "/" + string(i.kind) + "/" + url.PathEscape(id) + "#talk"
}

func (f *front) star(i items) func(*http.Request) (*view, error) {
	return func(r *http.Request) (*view, error) {
		id := r.PathValue("id")
		_, err := i.toggleStar(r.Context(), &byID{id})
		return &view{next: i.talkOf(id)}, err
	}
}

func (f *front) comment(i items) func(*http.Request) (*view, error) {
	return func(r *http.Request) (*view, error) {
		id := r.PathValue("id")
		var input commentInput
		input.Body.Content, input.Body.TargetType, input.Body.TargetID = r.PostForm.Get("content"), string(i.kind), id
		if parent := r.PostForm.Get("parent_id"); parent != "" {
			input.Body.ParentID = &parent
		}
		_, err := f.addComment(r.Context(), &input)
		return &view{next: i.talkOf(id)}, err
	}
}

// backTo returns the view of the page that a form came from.
func backTo(r *http.Request) *view { return &view{next: local(r.PostForm.Get("next"))} }

func (f *front) react(r *http.Request) (*view, error) {
	input := reactInput{ID: r.PathValue("id")}
	switch reaction := r.PostForm.Get("reaction"); reaction {
	case string(notebook.Like), string(notebook.Dislike):
		input.Body.Action = reaction
	default:
		return nil, errCredentialsFormat
	}
	_, err := f.server.react(r.Context(), &input)
	return backTo(r), err
}

func (f *front) read(r *http.Request) (*view, error) {
	_, err := f.readMessage(r.Context(), &byID{r.PathValue("id")})
	return backTo(r), err
}

func (f *front) approve(i items) func(*http.Request) (*view, error) {
	return f.verdict(i, func(ctx context.Context, r *http.Request) error {
		_, err := i.approve(ctx, &byID{r.PathValue("id")})
		return err
	})
}

func (f *front) reject(i items) func(*http.Request) (*view, error) {
	return f.verdict(i, func(ctx context.Context, r *http.Request) error {
		input := rejectInput{ID: r.PathValue("id")}
		input.Body.Reason = r.PostForm.Get("reason")
		_, err := i.reject(ctx, &input)
		return err
	})
}

func (f *front) verdict(i items, give func(context.Context, *http.Request) error) func(*http.Request) (*view, error) {
	return func(r *http.Request) (*view, error) {
		return &view{next: "/review?tab=" + string(i.kind)}, give(r.Context(), r)
	}
}
