"""L1C to L2A: sen2cor, its stand-in, and how processes are supervised."""
