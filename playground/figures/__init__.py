"""From numbers to a Plotly figure as a plain dict: {"data", "layout", "label"}, the label being what it says in words."""
