package notebook

import "fmt"

// A Quota is how much a user may have. The zero value bounds nothing.
type Quota struct {
	Items int   // of every kind together
	Bytes int64 // of the files of these
}

// ErrQuota is what somebody gets who would have more than they may.
var ErrQuota = newError(Conflict, "QUOTA_EXCEEDED", "已超出您的存储配额，请先删除部分内容", "This would be more than you may have; please delete something first")

// Check returns nil if a user who has, or would have, so much is within the quota.
func (q Quota) Check(items int, bytes int64) error {
	if q == (Quota{}) || items <= q.Items && bytes <= q.Bytes {
		return nil
	}
	err := ErrQuota.With("items", q.Items).With("bytes", q.Bytes)
	err.Text = Text{
		fmt.Sprintf("已超出您的配额（最多 %d 个条目、共 %d MB），请先删除部分内容", q.Items, q.Bytes>>20),
		fmt.Sprintf("You may have %d items and %d MB; please delete something first", q.Items, q.Bytes>>20),
	}
	return err
}
