// Original file: proto/factstore/v1/events.proto


export interface QueryItem {
  'types'?: (string)[];
  'tags'?: (string)[];
  'categories'?: (string)[];
  'streams'?: (string)[];
  'streamPrefixes'?: (string)[];
}

export interface QueryItem__Output {
  'types': (string)[];
  'tags': (string)[];
  'categories': (string)[];
  'streams': (string)[];
  'streamPrefixes': (string)[];
}
