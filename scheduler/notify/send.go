package notify

import (
	"context"
	"fmt"
	"time"
)

// Sender brings messages to one service.
type Sender interface {
	// Send returns what the service said, in a few words, or a [*SendError].
	Send(ctx context.Context, m Message) (answer string, err error)
}

// SendError says why a message was not sent. Its text holds no secret.
type SendError struct {
	What string // what went wrong
	// Refused says that the service answered and will not take this message: to
	// send it again soon is of no use.
	Refused bool
	// After is how long the service asks to be left alone; 0 if it does not.
	After time.Duration
}

func (e *SendError) Error() string { return e.What }

func failed(format string, args ...any) *SendError {
	return &SendError{What: fmt.Sprintf(format, args...)}
}
