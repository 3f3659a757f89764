// The README's quick start, as it stands there, in a package of the module.
def example = (new File(readme).text =~ /(?ms)^```java run\n(.*?)^```$/)
assert example.find() : "README.md has no Java quick start"
def source = new File(basedir, "src/main/java/quickstart/QuickStart.java")
source.parentFile.mkdirs()
source.text = "package quickstart;\n\n" + example.group(1)
return true
