-- Run once, when the server of compose.yaml is made: the database of Dagster's state.
CREATE DATABASE dagster;
