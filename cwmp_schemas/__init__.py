"""XML schemas of CWMP in our own words."""
