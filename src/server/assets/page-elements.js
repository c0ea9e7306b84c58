// @ts-check
/** Text alone: whatever comes from outside is put into a page by these. */

/**
 * The element of the page with this id.
 * @param {string} id
 */
export function byId(id) {
  const found = document.getElementById(id)
  if (!found) throw new Error(`The page has no #${id}.`)
  return found
}

/**
 * A new element with a text and classes.
 * @param {string} name
 * @param {string} [text]
 * @param {string} [className]
 */
export function element(name, text, className) {
  const made = document.createElement(name)
  if (text !== undefined) made.textContent = text
  if (className) made.className = className
  return made
}

/**
 * Says how something is, in words and with a mark.
 * @param {string} id
 * @param {string} words
 * @param {'good' | 'bad' | 'work'} tone
 */
export function say(id, words, tone) {
  const place = byId(id)
  if (place.textContent !== words) place.textContent = words
  place.dataset['tone'] = tone
}
