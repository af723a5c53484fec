"""What pages and reports share: how they are made, and what they show of a diagnosis.

They need jinja2, which `lowloss-server` brings.
"""
