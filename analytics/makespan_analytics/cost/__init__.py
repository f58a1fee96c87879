"""What runs cost by published and own prices, who causes it, and how much of it is wasted."""

__all__ = ["job_costs", "ownership", "pipeline_costs", "price_tables", "storage_costs", "waste"]
