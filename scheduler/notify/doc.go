// Package notify tells people and machines about alerts: it brings each alert to
// the routes that a file names, by a service (mail, chat, pagers) or a signed
// webhook.
//
// # What it promises
//
// The index of the alerts is the outbox. Which alerts a route has yet to be told
// of is asked of the alerts themselves, so that an alert that was written while
// a service, the notifier or all of stitch was down is told as soon as they are
// back. Nothing here delays an alert: it is written before it is looked at.
//
// Delivery is at least once. Before a message is sent the alert says so (status
// sending, with a time until when it counts), and afterwards what became of it;
// both are written over the version that was read, or not at all. Of two
// notifiers one gets to send. One that is killed between sending and noting
// leaves a message that is sent again, with the same key, by which the receiver
// knows it.
//
// A route that cannot be reached is left alone for ever longer times, up to
// minutes, and routes do not wait for each other. A message that is refused is
// tried again seldom and does not hold up others.
//
// A new route is told of what is written from its first day on: that day is kept
// in the index of the state, by the route's name.
//
// # Time
//
// The clock is an argument, and so is the engine. What is spread by chance
// elsewhere is spread here by a hash of the message's key, so that the same
// history gives the same attempts.
package notify
