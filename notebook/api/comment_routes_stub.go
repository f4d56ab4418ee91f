package api

func (s *server) commentRoutes() {}
