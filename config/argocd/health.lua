-- The health of a SegmentationProfile or ClusterSegmentationProfile for Argo CD, the same script for both kinds.
--
-- Argo CD gives it the object as `obj`. It does not look at generations itself, so this script does: whatever speaks
-- of another generation than the current one counts for nothing. No standard library is needed, not even string.
--
--   Healthy      condition Ready is True
--   Degraded     condition Stalled is True: nothing will change until somebody acts
--   Progressing  everything else, also when a status, a condition or a generation is missing
--
-- A preview that is computed is Healthy, and not Suspended: the profile does what its manifest asks for, and a sync
-- waits for Healthy or Degraded and for nothing else, so that one of several waves would never end on Suspended.

local health = {status = "Progressing", message = "The Firebreak operator has not looked at this profile yet."}

local generation = obj.metadata.generation
local status = obj.status
if generation == nil or status == nil or status.conditions == nil then
  return health
end
if status.observedGeneration ~= generation then
  if status.observedGeneration ~= nil and status.observedGeneration > 0 then
    health.message = "The Firebreak operator has not looked at the last change of this profile yet."
  end
  return health
end

local conditions = {}
for _, condition in ipairs(status.conditions) do
  if condition.observedGeneration == generation then
    conditions[condition.type] = condition
  end
end

local function is(kind, value)
  return conditions[kind] ~= nil and conditions[kind].status == value
end

if conditions.Ready ~= nil then
  health.message = conditions.Ready.message
end
if is("Reconciling", "True") then
  health.message = conditions.Reconciling.message
elseif is("Stalled", "True") then
  health.status = "Degraded"
  health.message = conditions.Stalled.message
elseif is("Ready", "True") then
  health.status = "Healthy"
  -- What does not keep a profile from being ready is worth a word all the same.
  for _, kind in ipairs({"ResolvedRefs", "Isolated", "Covered"}) do
    if is(kind, "False") then
      health.message = health.message .. " " .. kind .. " is False: " .. conditions[kind].message
    end
  end
end
return health
