package api

func (s *server) moderationRoutes() {}
