"""The record of a step on disk, from its start until it is sent, whatever becomes of the agent."""
