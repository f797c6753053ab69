package dashboards

// visState is what a visualization is, as its saved object has it.
type visState struct {
	Title  string `json:"title"`
	Type   string `json:"type"`
	Aggs   []agg  `json:"aggs"`
	Params object `json:"params"`
}

func (p panel) state() visState {
	params := map[string]func() object{"histogram": p.bars, "pie": pie, "table": table, "metric": numbers}[p.kind]()
	return visState{Title: p.title, Type: p.kind, Aggs: numbered(p.aggs), Params: params}
}

func (p panel) bars() object {
	return object{
		"type": "histogram", "grid": object{"categoryLines": false},
		"categoryAxes": []object{{
			"id": "CategoryAxis-1", "type": "category", "position": "bottom", "show": true, "style": object{},
			"scale": object{"type": "linear"}, "labels": object{"show": true, "filter": true, "truncate": 100}, "title": object{},
		}},
		"valueAxes": []object{{
			"id": "ValueAxis-1", "name": "LeftAxis-1", "type": "value", "position": "left", "show": true, "style": object{},
			"scale":  object{"type": "linear", "mode": "normal"},
			"labels": object{"show": true, "rotate": 0, "filter": false, "truncate": 100}, "title": object{"text": p.axis},
		}},
		"seriesParams": []object{{
			"show": true, "type": "histogram", "mode": "stacked", "data": object{"label": p.axis, "id": "1"}, "valueAxis": "ValueAxis-1",
			"drawLinesBetweenPoints": true, "lineWidth": 2, "showCircles": true,
		}},
		"addTooltip": true, "addLegend": true, "legendPosition": "bottom", "times": []object{}, "addTimeMarker": false,
		"labels":        object{"show": false},
		"thresholdLine": object{"show": false, "value": 10, "width": 1, "style": "full", "color": "#E7664C"},
	}
}

func pie() object {
	return object{
		"type": "pie", "addTooltip": true, "addLegend": true, "legendPosition": "right", "isDonut": true,
		"labels": object{"show": true, "values": true, "last_level": true, "truncate": 100},
	}
}

func table() object {
	return object{
		"perPage": 10, "showPartialRows": false, "showMetricsAtAllLevels": false, "showTotal": false, "totalFunc": "sum",
		"percentageCol": "", "sort": object{"columnIndex": nil, "direction": nil},
	}
}

func numbers() object {
	return object{
		"type": "metric", "addTooltip": true, "addLegend": false,
		"metric": object{
			"percentageMode": false, "useRanges": false, "colorSchema": "Green to Red", "metricColorMode": "None",
			"colorsRange": []object{{"from": 0, "to": 10000}}, "labels": object{"show": true}, "invertColors": false,
			"style": object{"bgFill": "#000", "bgColor": false, "labelColor": false, "subText": "", "fontSize": 40},
		},
	}
}
