"""What steps and jobs usually cost, and what their times depend on."""

from makespan_analytics.profiles.pipeline_profile import JobProfile, PipelineProfile, StepProfile, profile_pipeline

__all__ = ["JobProfile", "PipelineProfile", "StepProfile", "profile_pipeline"]
