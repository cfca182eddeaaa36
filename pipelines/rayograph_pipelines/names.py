"""Names of the actors, for whoever looks for them in the cluster."""

NAMESPACE = "rayograph"
PROGRESS_ACTOR = "rayograph-progress"
FOREMAN_ACTOR = "rayograph-foreman"
MODEL_ACTOR = "rayograph-model"
