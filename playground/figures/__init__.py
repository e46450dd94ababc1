"""From numbers to a Plotly figure as a plain dict: {"data", "layout", "label"}, the label says it in words."""
