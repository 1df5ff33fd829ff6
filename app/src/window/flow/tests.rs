//! Flows of machines made by hand, as panes show them.
