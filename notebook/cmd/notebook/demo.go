package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
)

// The people of the demo share one password, which is no secret.
const (
	demoAdmin    = "demo_admin"
	demoPassword = "Demo-Notebook-1"
)

var (
	demoPeople = []struct{ name, role string }{
		{"demo_moderator", "moderator"}, {"alice", "user"}, {"bob", "user"}, {"xiaoming", "user"},
	}
	// demoCards are in all states; the names of stargazers follow.
	demoCards = []struct {
		owner, name, description, tags, personality string
		verdict                                     string // approve, the reason of a rejection, or "" for none
		public                                      bool   // asks for review
		stars                                       []string
	}{
		{"alice", "治愈系图书管理员", "说话轻声细语，记得每一位读者上次借了什么书。", "治愈,日常", "安静、耐心、偶尔毒舌的图书管理员", "approve", true, []string{"bob", "xiaoming", demoAdmin}},
		{"alice", "深夜电台主持人", "凌晨两点的电台，听众的故事比歌多。", "治愈,夜晚", "嗓音低沉、善于倾听的电台主持人", "approve", true, []string{"bob"}},
		{"bob", "赛博侦探", "霓虹雨夜里接案子，收费按真相的重量算。", "科幻,悬疑", "多疑、嘴硬心软的侦探", "approve", true, []string{"alice", "xiaoming"}},
		{"bob", "Stoic gardener", "Answers every worry with a remark about roses.", "english,calm", "a gardener who has read Marcus Aurelius twice", "approve", true, []string{"alice"}},
		{"xiaoming", "猫娘咖啡店店长", "拉花永远是猫爪，推荐永远是热可可。", "日常,猫", "热情、爱撒娇的咖啡店店长", "approve", true, nil},
		{"xiaoming", "江湖说书人", "一块醒木，一把折扇，讲不完的刀光剑影。", "古风", "抑扬顿挫、爱卖关子的说书人", "", true, nil},
		{"bob", "复读机", "你说什么我说什么。", "测试", "只会重复", "描述过于简单，请补充人设的背景和说话方式。", true, nil},
		{"alice", "还没写完的草稿", "先占个位置。", "", "待定", "", false, nil},
	}
)

// fillDemo makes the demo's content the way people would: over HTTP at base.
// Its super admin exists already.
func fillDemo(ctx context.Context, base string) error {
	people := map[string]*visitor{demoAdmin: {ctx: ctx, base: base}}
	admin := people[demoAdmin]
	if err := admin.logIn(demoAdmin, demoPassword); err != nil {
		return err
	}
	for _, p := range demoPeople {
		if err := admin.post("/api/admin/users", map[string]string{
			"username": p.name, "email": p.name + "@example.com", "password": demoPassword, "role": p.role,
		}, nil); err != nil {
			return err
		}
		people[p.name] = &visitor{ctx: ctx, base: base}
		if err := people[p.name].logIn(p.name, demoPassword); err != nil {
			return err
		}
	}
	for _, card := range demoCards {
		var made struct{ ID string }
		if err := people[card.owner].upload(map[string]string{
			"name": card.name, "description": card.description, "tags": card.tags,
			"copyright_owner": card.owner, "is_public": fmt.Sprint(card.public),
		}, fmt.Sprintf("[inner]\nversion = \"1.0.0\"\n\n[personality]\npersonality = %q\n", card.personality), &made); err != nil {
			return err
		}
		review := "/api/review/persona/" + url.PathEscape(made.ID)
		var err error
		switch {
		case card.verdict == "approve":
			err = people["demo_moderator"].post(review+"/approve", struct{}{}, nil)
		case card.verdict != "":
			err = people["demo_moderator"].post(review+"/reject", map[string]string{"reason": card.verdict}, nil)
		}
		if err != nil {
			return err
		}
		for _, name := range card.stars {
			if err := people[name].post("/api/persona/"+url.PathEscape(made.ID)+"/star", nil, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// A visitor talks to the notebook like any program would.
type visitor struct {
	ctx         context.Context
	base, token string
}

func (v *visitor) logIn(name, password string) error {
	var got struct {
		AccessToken string `json:"access_token"`
	}
	err := v.post("/api/auth/token", map[string]string{"username": name, "password": password}, &got)
	v.token = got.AccessToken
	return err
}

// post sends input as JSON, nothing at all for nil, and reads the data of the
// answer into output where it is not nil.
func (v *visitor) post(path string, input, output any) error {
	if input == nil {
		return v.send(path, "", nil, output)
	}
	body, err := json.Marshal(input)
	if err != nil {
		return err
	}
	return v.send(path, "application/json", bytes.NewReader(body), output)
}

func (v *visitor) upload(fields map[string]string, toml string, output any) error {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for name, value := range fields {
		if err := form.WriteField(name, value); err != nil {
			return err
		}
	}
	part, err := form.CreateFormFile("files", "bot_config.toml")
	if err != nil {
		return err
	}
	if _, err := io.WriteString(part, toml); err != nil {
		return err
	}
	if err := form.Close(); err != nil {
		return err
	}
	return v.send("/api/persona/upload", form.FormDataContentType(), &body, output)
}

func (v *visitor) send(path, contentType string, body io.Reader, output any) error {
	request, err := http.NewRequestWithContext(v.ctx, http.MethodPost, v.base+path, body)
	if err != nil {
		return err
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	if v.token != "" {
		request.Header.Set("Authorization", "Bearer "+v.token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("POST %s: %s: %s", path, response.Status, answer)
	}
	if output == nil {
		return nil
	}
	return json.Unmarshal(answer, &struct {
		Data any `json:"data"`
	}{output})
}
