package api

func (s *server) avatarRoutes() {}
