package memory

import "slices"

// ECS returns the mapping of the Elastic Common Schema as the usual templates
// of log indices have it, with the fields of the Microsoft 365 and Elastic
// Defend integrations that are no plain keywords.
func ECS() Mapping {
	return Mapping{Rules: slices.Concat(
		rulesOf(Date, ecsDates()), rulesOf(IP, ecsIPs()), rulesOf(Text, ecsTexts()), rulesOf(Long, ecsLongs()),
		rulesOf(Boolean, ecsBooleans()), rulesOf(Flattened, flattenedObjects()),
		rulesOf(Date, datePatterns()), rulesOf(IP, ipPatterns()), rulesOf(Text, textPatterns()),
	)}
}

func rulesOf(t Type, fields []string) []Rule {
	var rules []Rule
	for _, f := range fields {
		rules = append(rules, Rule{Field: f, Type: t})
	}
	return rules
}

func ecsDates() []string {
	return []string{
		"@timestamp",
		"event.created", "event.ingested", "event.start", "event.end",
		"file.accessed", "file.created", "file.ctime", "file.mtime",
		"process.start", "process.end", "process.parent.start", "process.parent.end",
		"user.changes.created",
		"kibana.alert.start", "kibana.alert.end", "kibana.alert.original_time",
		"m365_defender.alert.created_datetime", "m365_defender.alert.last_update_datetime",
		"m365_defender.alert.first_activity_datetime", "m365_defender.alert.last_activity_datetime",
		"m365_defender.alert.resolved_datetime",
	}
}

func ecsIPs() []string {
	return []string{
		"client.ip", "client.nat.ip", "destination.ip", "destination.nat.ip", "host.ip", "observer.ip",
		"related.ip", "server.ip", "server.nat.ip", "source.ip", "source.nat.ip", "dns.resolved_ip",
		"m365_defender.event.ip_address", "m365_defender.alert.evidence.ip_address",
	}
}

func ecsTexts() []string { return []string{"message", "error.message"} }

func ecsLongs() []string {
	return []string{
		"client.port", "client.bytes", "destination.port", "destination.bytes", "event.duration", "event.sequence",
		"event.severity", "file.size", "http.response.status_code", "network.bytes", "process.pid", "process.parent.pid",
		"process.thread.id", "server.port", "source.port", "source.bytes",
	}
}

func ecsBooleans() []string { return []string{"volume.removable", "volume.writable"} }

func flattenedObjects() []string {
	return []string{
		"m365_defender.event.additional_fields",
		"m365_defender.event.raw_event_data",
		"m365_defender.event.activity.objects",
		"o365.audit.Data.flattened",
	}
}

func datePatterns() []string {
	return []string{
		"*.timestamp", "*_timestamp", "*.not_after", "*.not_before", "*.accessed", "*.created", "*.installed",
		"*.creation_date", "*.ctime", "*.mtime", "*.ingested", "*.start", "*.end",
		"*.indicator.first_seen", "*.indicator.last_seen", "*.indicator.modified_at",
	}
}

func ipPatterns() []string { return []string{"*.ip", "*_ip"} }

func textPatterns() []string { return []string{"*.message"} }
