"""What every answer's model has in common."""

from pydantic import BaseModel, ConfigDict


class Out(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True)
