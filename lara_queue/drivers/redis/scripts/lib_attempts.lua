-- find_attempts(body): where the payload's own number of attempts stands in the text, and what it is.
--
-- Returns start, length, number; or 0, problem (see drivers/attempts.py, which has the same rule in Python: keep
-- them alike). Nothing is decoded, so that everything else in the payload stays as it is, byte for byte.
local NOT_AN_OBJECT, NO_ATTEMPTS, NOT_A_NUMBER = 1, 2, 3

-- The number whose text starts at `at`, with its length (a quoted number counts, as it does in Lua arithmetic).
local function number_at(body, at)
  local text = string.match(body, '^-?[%d.eE+-]+', at)
  local length
  if text then
    length = #text
  else
    text = string.match(body, '^"(-?[%d.eE+-]+)"', at)
    length = text and #text + 2
  end
  local number = text and string.find(body, '^%s*[,}]', at + length) and tonumber(text)
  if number and number == math.floor(number) and math.abs(number) < 1e14 then
    return length, number
  end
end

-- The way that is always right: walk over the text, minding strings and depth; the last key of the name wins.
local function scan(body)
  local at = string.match(body, '^%s*{()')
  if not at then
    return 0, NOT_AN_OBJECT
  end
  local depth, found = 1, nil
  while depth > 0 do
    local mark
    at, mark = string.match(body, '()(["{}%[%]])', at)
    if not at then
      return 0, NOT_AN_OBJECT
    end
    if mark == '"' then
      local first = at + 1
      local stop = string.find(body, '["\\]', first)
      local escaped = false
      while stop and string.byte(body, stop) == 92 do
        escaped = true
        stop = string.find(body, '["\\]', stop + 2)
      end
      if not stop then
        return 0, NOT_AN_OBJECT
      end
      at = stop + 1
      if depth == 1 then
        local value = string.match(body, '^%s*:%s*()', at)
        if value then
          local key = string.sub(body, first, stop - 1)
          if escaped then
            local ok, decoded = pcall(cjson.decode, '["' .. key .. '"]')
            key = ok and decoded[1] or nil
          end
          if key == 'attempts' then
            found = value
          end
        end
      end
    else
      depth = depth + ((mark == '{' or mark == '[') and 1 or -1)
      at = at + 1
    end
  end
  if string.find(body, '%S', at) then
    return 0, NOT_AN_OBJECT
  end
  if not found then
    return 0, NO_ATTEMPTS
  end
  local length, number = number_at(body, found)
  if not length then
    return 0, NOT_A_NUMBER
  end
  return found, length, number
end

local function find_attempts(body)
  -- Inside a JSON string every quote is escaped, so `"attempts":` after a comma, a brace or a blank is a key. It is
  -- the payload's own where no other brace or bracket stands between it and either end, as PHP and cjson write it.
  local key = '"attempts":'
  local at = string.find(body, key, math.max(1, #body - 160), true)
  if at and at > 1 and not string.find(body, key, at + 11, true) then
    local length, number = number_at(body, at + 11)
    if length and string.find(body, '^[{,%s]', at - 1) and string.find(body, '^[^{}%[%]]*}%s*$', at + 11 + length) then
      return at + 11, length, number
    end
  end
  at = string.find(body, key, 1, true)
  if at and at > 1 and string.byte(body, 1) == 123 and not string.find(body, key, at + 11, true) then
    local length, number = number_at(body, at + 11)
    local nested = string.find(body, '[{}%[%]]', 2)
    if length and string.find(body, '^[{,%s]', at - 1) and nested and nested > at then
      return at + 11, length, number
    end
  end
  return scan(body)
end
