module github.com/unstale/unstale/redisstore

go 1.26.0

replace github.com/unstale/unstale => ../

replace github.com/unstale/unstale/postgres => ../postgres

require (
	github.com/jackc/pgx/v5 v5.13.0
	github.com/unstale/unstale v0.0.0
	github.com/unstale/unstale/postgres v0.0.0
	github.com/valkey-io/valkey-go v1.0.79
)

require (
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/jackc/puddle/v2 v2.2.3 // indirect
	github.com/klauspost/compress v1.20.1 // indirect
	github.com/maypok86/otter/v2 v2.4.0 // indirect
	golang.org/x/sync v0.22.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.41.0 // indirect
)
