package api

func (s *server) messageRoutes() {}
