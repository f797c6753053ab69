// Package demo makes up a day at Halden Marine, a shipyard that does not exist,
// as its Elasticsearch would hold it.
//
// Some thousands of documents lie about a working day: file operations in
// SharePoint and OneDrive as Defender and as the audit log tell them, files
// written on people's machines, drives plugged in, alerts of all sorts. All of
// it is in the shapes of the integrations microsoft_sentinel, m365_defender,
// o365 and endpoint with their default options, and of Filebeat's o365 module.
// Every document reaches its index half a minute to twenty minutes after it
// happened.
//
// # What must be found
//
// Marta Oliveira downloads 58 files of one project between 13:41 and 13:43. At
// 13:55 Sentinel has the alert. At 14:20 she plugs in a drive, which becomes
// E:, and from 14:22 on she copies 41 of the files to it with the Explorer. At
// 16:05 somebody opens the case, which makes the audit log tell of the alert.
//
//   - 6267ce44, the port of Sentinel's rule: one alert, at the end of the day.
//   - 8a30d849, event by event: one alert, minutes after the first copy, which
//     grows with the copies that follow.
//   - e53ba448, the corrected rule for the audit log: one alert, at 16:05.
//   - 571ff456, that rule as published: nothing.
//
// # What must not be found
//
// Eight people do nearly the same, each but for one thing; see nearmiss.go.
package demo
