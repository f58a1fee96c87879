"""What commands print on a terminal: bars and tables that still read well in 80 columns, piped and without colour."""

__all__ = ["apportion", "consoles", "critical_path_bar", "step_table"]
