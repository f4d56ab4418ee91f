package unchanged

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	_ "modernc.org/sqlite" // the driver of startArticles

	"github.com/unstale/unstale"
	cached "github.com/unstale/unstale/sqlite"
)

// startArticles starts the articles' API as it was before there was a cache.
func startArticles(path string) *application {
	db := must(gorm.Open(sqlite.Dialector{DriverName: "sqlite", DSN: "file:" + path + "?_pragma=busy_timeout(5000)"}, &gorm.Config{Logger: logger.Discard}))
	a := newArticles(db)
	return &application{handler: a.routes(), stop: a.stop}
}

// startArticlesCached starts it with the cache.
func startArticlesCached(path string, options unstale.Options) *application {
	cache := must(unstale.New(options))
	conn := must(cached.Open("file:"+path+"?_pragma=busy_timeout(5000)", cache))
	db := must(gorm.Open(sqlite.Dialector{Conn: conn}, &gorm.Config{Logger: logger.Discard}))
	a := newArticles(db)
	wrap := must(cache.Middleware(unstale.HandlerOptions{ByCredentials: []string{"Authorization"}}))
	return &application{handler: wrap(a.routes()), stop: a.stop, cache: cache}
}

// What follows knows of no cache. Nothing in it passes a context.

type writer struct {
	gorm.Model
	Name    string `gorm:"uniqueIndex;not null"`
	Mail    string
	Token   string   `gorm:"uniqueIndex;not null"`
	Follows []writer `gorm:"many2many:follows"`
}

type article struct {
	gorm.Model
	Title    string
	Body     string
	WriterID uint
	Writer   writer
	Tags     []tag `gorm:"many2many:article_tags"`
	Comments []comment
}

type tag struct {
	ID   uint
	Name string `gorm:"uniqueIndex;not null"`
}

type comment struct {
	gorm.Model
	ArticleID uint
	WriterID  uint
	Writer    writer
	Body      string
}

type favorite struct {
	WriterID  uint `gorm:"primaryKey"`
	ArticleID uint `gorm:"primaryKey;index"`
}

type setting struct {
	Name  string `gorm:"primaryKey"`
	Value string
}

type articles struct {
	db   *gorm.DB
	end  chan struct{}
	jobs sync.WaitGroup
}

func newArticles(db *gorm.DB) *articles {
	must(0, db.AutoMigrate(&writer{}, &article{}, &tag{}, &comment{}, &favorite{}, &setting{}))
	a := &articles{db: db, end: make(chan struct{})}
	a.jobs.Go(a.digests)
	return a
}

// digests is a job that asks every 20 ms whether there is a digest to send, and to
// whom.
func (a *articles) digests() {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for n := 0; ; n++ {
		select {
		case <-a.end:
			return
		case <-ticker.C:
		}
		var due setting
		a.db.Limit(1).Find(&due, "name = ?", "digest")
		var w writer
		a.db.Limit(1).Find(&w, 1+n%4)
	}
}

func (a *articles) stop() {
	close(a.end)
	a.jobs.Wait()
	must(0, must(a.db.DB()).Close())
}

func (a *articles) routes() http.Handler {
	gin.SetMode(gin.TestMode)
	engine := gin.New()
	engine.Use(gin.Recovery(), a.auth)
	api := engine.Group("/api")
	api.POST("/writers", a.register)
	api.GET("/me", a.me)
	api.PUT("/me", a.rename)
	api.GET("/feed", a.feed)
	api.GET("/tags", a.tags)
	api.GET("/writers/:name", a.profile)
	api.POST("/writers/:name/follow", a.follow)
	api.GET("/articles", a.list)
	api.POST("/articles", a.create)
	api.GET("/articles/:id", a.show)
	api.PUT("/articles/:id", a.update)
	api.DELETE("/articles/:id", a.remove)
	api.GET("/articles/:id/comments", a.comments)
	api.POST("/articles/:id/comments", a.comment)
	api.POST("/articles/:id/favorite", a.favorite)
	return engine
}

// auth finds out who asks, as most programs do: with the token of the request.
func (a *articles) auth(c *gin.Context) {
	var me writer
	if token := c.GetHeader("Authorization"); token != "" {
		if a.db.Where("token = ?", token).First(&me).Error != nil {
			c.AbortWithStatus(http.StatusUnauthorized)
			return
		}
	}
	c.Set("me", me)
}

func me(c *gin.Context) writer { return c.MustGet("me").(writer) }

func (a *articles) register(c *gin.Context) {
	w := writer{Name: c.Query("name"), Mail: c.Query("mail"), Token: c.Query("token")}
	a.db.Save(&w)
	c.JSON(http.StatusCreated, gin.H{"id": w.ID})
}

func (a *articles) me(c *gin.Context) {
	if me(c).ID == 0 {
		c.AbortWithStatus(http.StatusUnauthorized)
		return
	}
	var drafts int64
	a.db.Model(&article{}).Where("writer_id = ?", me(c).ID).Count(&drafts)
	c.JSON(http.StatusOK, gin.H{"name": me(c).Name, "mail": me(c).Mail, "articles": drafts})
}

func (a *articles) rename(c *gin.Context) {
	w := me(c)
	a.db.Model(&w).Update("mail", c.Query("mail"))
	c.Status(http.StatusNoContent)
}

// render has what everybody sees of an article, and what is particular about who asks.
func (a *articles) render(c *gin.Context, article article) gin.H {
	var favorites, mine int64
	a.db.Model(&favorite{}).Where("article_id = ?", article.ID).Count(&favorites)
	a.db.Model(&favorite{}).Where(&favorite{WriterID: me(c).ID, ArticleID: article.ID}).Count(&mine)
	names := []string{}
	for _, t := range article.Tags {
		names = append(names, t.Name)
	}
	return gin.H{
		"id": article.ID, "title": article.Title, "body": article.Body, "by": article.Writer.Name, "tags": names,
		"favorites": favorites, "mine": mine > 0, "made": article.CreatedAt, "changed": article.UpdatedAt,
	}
}

func (a *articles) renderAll(c *gin.Context, all []article) {
	out := []gin.H{}
	for _, one := range all {
		out = append(out, a.render(c, one))
	}
	c.JSON(http.StatusOK, out)
}

func (a *articles) list(c *gin.Context) {
	query := a.db.Preload("Writer").Preload("Tags").Order("articles.id DESC").Limit(5)
	if page, err := strconv.Atoi(c.Query("page")); err == nil {
		query = query.Offset(5 * page)
	}
	if name := c.Query("tag"); name != "" {
		query = query.Joins("JOIN article_tags ON article_tags.article_id = articles.id JOIN tags ON tags.id = article_tags.tag_id").Where("tags.name = ?", name)
	}
	if text := c.Query("q"); text != "" {
		query = query.Where("title LIKE ?", "%"+text+"%")
	}
	var all []article
	query.Find(&all)
	a.renderAll(c, all)
}

func (a *articles) feed(c *gin.Context) {
	w := me(c)
	must(0, a.db.Model(&w).Association("Follows").Find(&w.Follows))
	ids := []uint{0}
	for _, f := range w.Follows {
		ids = append(ids, f.ID)
	}
	var all []article
	a.db.Preload("Writer").Preload("Tags").Where("writer_id IN ?", ids).Order("id DESC").Limit(5).Find(&all)
	a.renderAll(c, all)
}

func (a *articles) tags(c *gin.Context) {
	var names []string
	a.db.Model(&tag{}).Order("name").Pluck("name", &names)
	c.JSON(http.StatusOK, names)
}

// find answers 404 where there is no article of the request's id.
func (a *articles) find(c *gin.Context) (found article, ok bool) {
	err := a.db.Preload("Writer").Preload("Tags").First(&found, c.Param("id")).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		c.String(http.StatusNotFound, "no such article")
	}
	return found, err == nil
}

func (a *articles) show(c *gin.Context) {
	if found, ok := a.find(c); ok {
		c.JSON(http.StatusOK, a.render(c, found))
	}
}

func (a *articles) comments(c *gin.Context) {
	var all []comment
	a.db.Preload("Writer").Where("article_id = ?", c.Param("id")).Order("id").Find(&all)
	out := []string{}
	for _, one := range all {
		out = append(out, one.Writer.Name+": "+one.Body)
	}
	c.JSON(http.StatusOK, out)
}

func (a *articles) profile(c *gin.Context) {
	var w writer
	if a.db.Where(&writer{Name: c.Param("name")}).First(&w).Error != nil {
		c.String(http.StatusNotFound, "nobody")
		return
	}
	var follows int64
	a.db.Table("follows").Where("writer_id = ? AND follow_id = ?", me(c).ID, w.ID).Count(&follows)
	c.JSON(http.StatusOK, gin.H{"name": w.Name, "since": w.CreatedAt, "followed": follows > 0})
}

func (a *articles) follow(c *gin.Context) {
	w := me(c)
	var other writer
	if a.db.Where(&writer{Name: c.Param("name")}).First(&other).Error == nil {
		must(0, a.db.Model(&w).Association("Follows").Append(&other))
	}
	c.Status(http.StatusNoContent)
}

func (a *articles) create(c *gin.Context) {
	made := article{Title: c.Query("title"), Body: c.Query("body"), WriterID: me(c).ID}
	for _, name := range c.QueryArray("tag") {
		var t tag
		a.db.FirstOrCreate(&t, tag{Name: name})
		made.Tags = append(made.Tags, t)
	}
	a.db.Create(&made)
	c.JSON(http.StatusCreated, gin.H{"id": made.ID})
}

func (a *articles) update(c *gin.Context) {
	found, ok := a.find(c)
	if !ok {
		return
	}
	found.Title = c.Query("title")
	a.db.Save(&found)
	c.JSON(http.StatusOK, a.render(c, found))
}

func (a *articles) remove(c *gin.Context) {
	a.db.Delete(&article{}, c.Param("id"))
	c.Status(http.StatusNoContent)
}

func (a *articles) comment(c *gin.Context) {
	found, ok := a.find(c)
	if !ok {
		return
	}
	must(0, a.db.Model(&found).Association("Comments").Append(&comment{WriterID: me(c).ID, Body: c.Query("body")}))
	c.Status(http.StatusNoContent)
}

// favorite is switched on and off in a transaction.
func (a *articles) favorite(c *gin.Context) {
	found, ok := a.find(c)
	if !ok {
		return
	}
	f := favorite{WriterID: me(c).ID, ArticleID: found.ID}
	_ = a.db.Transaction(func(tx *gorm.DB) error {
		if tx.Delete(&f).RowsAffected > 0 {
			return nil
		}
		return tx.Create(&f).Error
	})
	c.JSON(http.StatusOK, a.render(c, found))
}

// An articlesWalk is what the writers of a walk do, and ask for.
var articlesWalk = walk{
	name:        "articles",
	startPlain:  startArticles,
	startCached: startArticlesCached,
	enter: func(u *user) {
		token := "token-of-" + u.name
		u.do(http.MethodPost, fmt.Sprintf("/api/writers?name=%s&mail=%s&token=%s", u.name, u.secret(), token), http.StatusCreated)
		u.token = token
	},
	asks: func(u *user) []string {
		all := []string{"/api/articles", "/api/articles?page=1", "/api/articles?tag=go", "/api/articles?tag=sql", "/api/articles?q=7", "/api/tags", "/api/me", "/api/feed"}
		for _, name := range names {
			all = append(all, "/api/writers/"+name)
		}
		for id := 1; id <= 6; id++ {
			all = append(all, fmt.Sprintf("/api/articles/%d", id), fmt.Sprintf("/api/articles/%d/comments", id))
		}
		return all
	},
	writes: []func(*user){
		func(u *user) {
			u.do(http.MethodPost, fmt.Sprintf("/api/articles?title=%d&body=text&tag=%s", u.IntN(100), u.one("go", "sql", "http")), 0)
		},
		func(u *user) {
			u.do(http.MethodPost, fmt.Sprintf("/api/articles?title=%d&body=text", u.IntN(100)), 0)
		},
		func(u *user) {
			u.do(http.MethodPut, fmt.Sprintf("/api/articles/%d?title=%d", 1+u.IntN(6), u.IntN(100)), 0)
		},
		func(u *user) { u.do(http.MethodDelete, fmt.Sprintf("/api/articles/%d", 1+u.IntN(12)), 0) },
		func(u *user) {
			u.do(http.MethodPost, fmt.Sprintf("/api/articles/%d/comments?body=%d", 1+u.IntN(6), u.IntN(100)), 0)
		},
		func(u *user) {
			u.do(http.MethodPost, fmt.Sprintf("/api/articles/%d/favorite", 1+u.IntN(6)), 0)
		},
		func(u *user) { u.do(http.MethodPost, "/api/writers/"+u.one(names...)+"/follow", 0) },
		func(u *user) {
			u.do(http.MethodPut, fmt.Sprintf("/api/me?mail=%s-%d", u.secret(), u.IntN(100)), 0)
		},
	},
	alive: func(u *user) bool { return u.do(http.MethodGet, "/api/me", http.StatusOK).status == http.StatusOK },
}
