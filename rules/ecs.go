package rules

// entityColumns are what a stage without a view brings along for its alerts:
// who, where and what, by their ECS names.
var entityColumns = []string{
	"event.action", "event.category", "event.code", "event.dataset", "event.outcome", "event.provider",
	"user.domain", "user.email", "user.id", "user.name",
	"host.id", "host.name",
	"source.ip", "destination.ip",
	"process.executable", "process.name", "process.parent.name",
	"file.directory", "file.name", "file.path",
	"rule.name", "message",
}

// ecsRoots are the top-level names of the Elastic Common Schema.
var ecsRoots = []string{
	"@timestamp", "agent", "client", "cloud", "container", "data_stream", "destination", "device", "dll", "dns",
	"ecs", "email", "error", "event", "faas", "file", "group", "host", "http", "labels", "log", "message",
	"network", "observer", "orchestrator", "organization", "package", "process", "registry", "related", "rule",
	"server", "service", "source", "tags", "threat", "tls", "trace", "transaction", "url", "user", "user_agent",
	"volume", "vulnerability",
}
