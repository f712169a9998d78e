-- Reads up to where everything is final: committed or dead (ADR-0004).
SELECT events_watermark_v1()
